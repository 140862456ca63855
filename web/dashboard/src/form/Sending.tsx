import type { Failure } from "../api/failure";

interface Props {
  isPending: boolean;
  failure: Failure | null;
  /** What the server says about the whole form. */
  message?: string | undefined;
  /** Why it is safe to send the same again. */
  safety: string;
}

/** Why a form is not saved, if sending it has failed. */
export function Sending({ isPending, failure, message, safety }: Props) {
  return (
    <div className="sending">
      <p role="alert" className="error">
        {failure?.message ?? message}
      </p>
      {failure?.kind === "away" && (
        <p className="hint">{isPending ? "Your text is still here. Trying again …" : safety}</p>
      )}
    </div>
  );
}
