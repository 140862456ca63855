// The subscription to the events of customers, as server-sent events: see docs/events.md.

import { createParser } from "eventsource-parser";

import { type Answer, answerIn, bodiesOf, isUnknown, post } from "../api/execute";
import { Failure, failureOf, noAnswer } from "../api/failure";
import { CUSTOMER_EVENTS } from "../api/operations";
import type { CustomerEventsSubscription } from "../generated/graphql";

export type CustomerEvent = NonNullable<CustomerEventsSubscription["customerEvents"]>;

/** The server sends a comment every 12 seconds. */
const LONGEST_SILENCE_MILLISECONDS = 40_000;
const EVENT_STREAM = "text/event-stream";

interface Listener {
  /** The server sends each event from now on. */
  onBegin: () => void;
  onEvent: (event: CustomerEvent, cursor: string) => void;
}

/**
 * Listens to the events after a cursor, or without one, from now on.
 *
 * Returns when the stream ends, and is to be continued. Throws a `Failure`.
 */
export async function listen(after: string | undefined, signal: AbortSignal, listener: Listener) {
  const silence = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const noticeSign = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), LONGEST_SILENCE_MILLISECONDS);
  };
  noticeSign();
  try {
    const response = await open(after ?? null, AbortSignal.any([signal, silence.signal]));
    await read(response, listener, noticeSign);
  } catch (error) {
    throw error instanceof Failure ? error : noAnswer();
  } finally {
    clearTimeout(timer);
  }
}

async function open(after: string | null, signal: AbortSignal): Promise<Response> {
  const [byId, byText] = bodiesOf(CUSTOMER_EVENTS, { after });
  let answer = await ask(byId, signal);
  if (!(answer instanceof Response) && isUnknown(answer)) answer = await ask(byText, signal);
  if (answer instanceof Response) return answer;
  const [error] = answer.errors ?? [];
  throw error ? failureOf(error) : noAnswer();
}

/** The response that has the stream, or the answer in place of it. */
async function ask(body: object, signal: AbortSignal): Promise<Response | Answer<unknown>> {
  const response = await post(body, { signal, accept: EVENT_STREAM });
  return response.headers.get("Content-Type")?.startsWith(EVENT_STREAM) ? response : answerIn(response);
}

async function read(response: Response, { onBegin, onEvent }: Listener, onSign: () => void) {
  let hasBegun = false;
  const parser = createParser({
    // A stream that cannot begin has no comment.
    onComment: () => {
      if (!hasBegun) onBegin();
      hasBegun = true;
    },
    onEvent: ({ event, id, data }) => {
      if (event !== "next") return;
      const { data: result, errors } = JSON.parse(data) as Answer<CustomerEventsSubscription>;
      const [error] = errors ?? [];
      if (error) throw failureOf(error);
      if (result?.customerEvents && id) onEvent(result.customerEvents, id);
    },
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      onSign();
      parser.feed(part.value);
    }
  } finally {
    // After an error of the server.
    void reader.cancel().catch(() => undefined);
  }
}
