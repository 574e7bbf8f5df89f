// Starts a cascade and follows it, also over connections that break. Fetch and nothing else.

export type CascadeEvent = { type: string; seq: number; runId: string; at: string } & Record<string, unknown>;
export type Change = { beatKey: string; previousTension: number; newTension: number; direction?: string };
export type Order = {
  storyVersionId: string;
  structureType: "hero" | "cat" | "harmon";
  changes: Change[];
  planHash?: string;
};

const ENDS = ["done", "cancelled", "error", "rejected", "awaiting_approval"];

export class Refused extends Error {
  status: number;
  code: string;
  field?: string;
  constructor(status: number, why: { error?: string; code?: string; field?: string }) {
    super(why.error ?? "The server does not do this.");
    this.status = status;
    this.code = why.code ?? "unknown";
    this.field = why.field;
  }
}

/** Calls `on` with every event of a new run, once and in order; resolves with the last one. */
export async function regenerate(
  base: string, token: string, order: Order, on: (event: CascadeEvent) => void, signal?: AbortSignal,
): Promise<CascadeEvent> {
  const headers = { Authorization: `Bearer ${token}` };
  // The same key again is the same run: the start, too, may be sent once more.
  const key = crypto.randomUUID();
  let runId = "", seq = 0, fails = 0;
  for (;;) {
    try {
      const answer = runId
        ? await fetch(`${base}/api/ai/runs/${runId}/events?after=${seq}&follow=true`, { headers, signal })
        : await fetch(`${base}/api/ai/regenerate-beats-cascade`, {
            method: "POST",
            headers: { ...headers, "Content-Type": "application/json", "Idempotency-Key": key },
            body: JSON.stringify(order),
            signal,
          });
      await refuse(answer);
      runId = answer.headers.get("X-Run-Id") ?? runId;
      const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = ""; ; ) {
        const { done, value } = await reader.read();
        if (done) break;
        const lines = (rest + value).split("\n");
        rest = lines.pop()!;
        for (const line of lines.filter(Boolean)) {
          const event = JSON.parse(line) as CascadeEvent;
          if (event.seq <= seq) continue;
          [seq, fails] = [event.seq, 0];
          on(event);
          if (ENDS.includes(event.type)) return event;
        }
      }
      throw new Error("The connection was cut.");
    } catch (error) {
      const final = error instanceof Refused && error.status < 500 && error.status !== 429;
      if (final || signal?.aborted || ++fails > 8) throw error;
    }
    // The connection was lost: wait a little longer each time, then go on after the last event.
    await new Promise((resolve) => setTimeout(resolve, Math.min(250 * 2 ** fails, 10_000)));
  }
}

/** Asks a run to stop; its events end with `cancelled`. */
export async function cancel(base: string, token: string, runId: string): Promise<void> {
  const headers = { Authorization: `Bearer ${token}` };
  await refuse(await fetch(`${base}/api/ai/runs/${runId}/cancel`, { method: "POST", headers }));
}

async function refuse(answer: Response): Promise<void> {
  if (!answer.ok) throw new Refused(answer.status, await answer.json().catch(() => ({})));
}
