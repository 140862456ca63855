// What the page shows if the list cannot be loaded.

import { useEffect, useState } from "react";

import type { Failure } from "../api/failure";
import type { Rights } from "../session/useRights";
import { Notice } from "../shell/Notice";

interface Props {
  failure: Failure;
  onRetry: () => void;
}

/** The page itself tries again until the server answers. */
export function WaitingNotice({ failure, onRetry }: Props) {
  const seconds = useCountdown(failure);
  return (
    <div className="waiting" role="alert">
      <p>
        <strong>{failure.kind === "limited" ? "Too many requests." : failure.message}</strong>{" "}
        <span aria-hidden={seconds > 0}>
          {seconds > 0 ? `Trying again in ${seconds} s.` : "Trying again …"}
        </span>
      </p>
      <button type="button" onClick={onRetry}>
        Try now
      </button>
    </div>
  );
}

export function NotAllowed({ rights }: { rights: Rights }) {
  return (
    <Notice icon="lock" title="Not allowed">
      <p>
        Your token may not read customers. It needs the scope <code>customers:read</code>.
        {rights.writes && " You can create customers."}
      </p>
    </Notice>
  );
}

/** A failure that only a person can end. */
export function FailureNotice({ failure, onRetry }: Props) {
  switch (failure.kind) {
    case "forbidden":
      return (
        <Notice icon="lock" title="Not allowed">
          <p>{failure.message}</p>
        </Notice>
      );
    case "unauthenticated":
      return <Notice icon="lock" title="Sign in to see customers" />;
    case "outdated":
      return (
        <Notice icon="cloud" title="This page is out of date">
          <p>{failure.message}</p>
          <div className="buttons">
            <button type="button" className="primary" onClick={() => location.reload()}>
              Reload
            </button>
          </div>
        </Notice>
      );
    case "away":
    case "limited":
    case "rejected":
      return (
        <Notice icon="cloud" title="The list cannot be shown">
          <p>{failure.message}</p>
          <div className="buttons">
            <button type="button" className="primary" onClick={onRetry}>
              Try again
            </button>
          </div>
        </Notice>
      );
    default:
      return failure.kind satisfies never;
  }
}

/** The seconds until the server accepts the next request. */
function useCountdown(failure: Failure): number {
  const [seconds, setSeconds] = useState(failure.retryAfter);
  useEffect(() => {
    setSeconds(failure.retryAfter);
    const timer = setInterval(() => setSeconds((before) => Math.max(0, before - 1)), 1000);
    return () => clearInterval(timer);
  }, [failure]);
  return seconds;
}
