"""`python -m cascade …` is the command line."""

from cascade.cli import main

main()
