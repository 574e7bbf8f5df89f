"""The durable runner: starts runs, executes them, survives what dies. Alone knows DBOS."""
