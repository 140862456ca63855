/** Why a request has no result, as far as the page treats the reasons differently. */
export type Kind =
  // No answer, or the server cannot answer now: the same request may succeed later.
  | "away"
  | "limited"
  | "unauthenticated"
  | "forbidden"
  // The server does not know the request of this page.
  | "outdated"
  | "rejected";

const KINDS: Record<string, Kind> = {
  UNAVAILABLE: "away",
  OVERLOADED: "away",
  OUTCOME_UNKNOWN: "away",
  TIMEOUT: "away",
  REQUEST_TIMEOUT: "away",
  SHUTTING_DOWN: "away",
  TOO_SLOW: "away",
  TOO_MANY_SUBSCRIPTIONS: "limited",
  RATE_LIMITED: "limited",
  UNAUTHENTICATED: "unauthenticated",
  FORBIDDEN: "forbidden",
  DOCUMENT_NOT_FOUND: "outdated",
  TRUSTED_DOCUMENTS_ONLY: "outdated",
  GRAPHQL_VALIDATION_FAILED: "outdated",
};

// The server's messages for these codes tell programs what to send.
const UNFINISHED = ["OUTCOME_UNKNOWN", "TIMEOUT", "SHUTTING_DOWN"];

export interface GraphQLError {
  message: string;
  path?: (string | number)[];
  extensions?: { code?: string; retryAfter?: number };
}

/** A request without a result. The message is for people. */
export class Failure extends Error {
  constructor(
    readonly kind: Kind,
    message: string,
    /** How many seconds the server asks to wait before the next attempt. */
    readonly retryAfter = 0,
  ) {
    super(message);
  }
}

export function failureOf({ message, extensions: { code = "", retryAfter } = {} }: GraphQLError): Failure {
  const kind = KINDS[code] ?? "rejected";
  if (kind === "outdated") return outdated();
  const text = UNFINISHED.includes(code) ? "The server did not finish this in time." : message;
  return new Failure(kind, text, retryAfter);
}

export function noAnswer(): Failure {
  return new Failure("away", "The server does not answer.");
}

export function outdated(): Failure {
  return new Failure("outdated", "The server has changed since this page was opened. Reload the page.");
}

/** Whether the same request may succeed later. */
export function isTransient({ kind }: Failure): boolean {
  return kind === "away" || kind === "limited";
}
