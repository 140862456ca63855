import type { Failure } from "../api/failure";

interface Props {
  isPending: boolean;
  failure: Failure | null;
  /** What the server says about the whole form. */
  message?: string | undefined;
  /** Why it is safe to send the same again. */
  safety: string;
}

/** What becomes of a form that is sent. */
export function Sending({ isPending, failure, message, safety }: Props) {
  const wait = failure?.retryAfter ? ` Wait ${failure.retryAfter} seconds.` : "";
  return (
    <div className="sending">
      <p role="alert" className="error">
        {failure ? `${failure.message}${wait}` : message}
      </p>
      {failure?.kind === "away" && (
        <p className="hint">{isPending ? "Your text is still here. Trying again …" : safety}</p>
      )}
    </div>
  );
}
