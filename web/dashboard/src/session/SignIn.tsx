import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";

import { cache } from "../api/cache";
import { Icon } from "../shell/Icon";
import { setToken } from "./session";
import { rightsOf } from "./useRights";

interface Props {
  /** Why the page asks for a token. */
  reason: string;
  /** Forgets what the page shows. */
  onSignOut?: () => void;
}

/** Asks for a token, and uses it if the server accepts it. */
export function SignIn({ reason, onSignOut }: Props) {
  const id = useId();
  const [token, setText] = useState("");
  const [isStored, setStored] = useState(false);
  const check = useMutation({
    mutationFn: () => rightsOf(token.trim()),
    onSuccess: (rights) => {
      // First, because the page closes an open form while the rights are unknown.
      cache.setQueryData(["rights", token.trim()], rights);
      setToken(token.trim(), isStored);
      void cache.invalidateQueries();
    },
  });
  const { failureReason: failure } = check;
  const problem =
    failure?.kind === "unauthenticated" ? "The server does not accept this token." : failure?.message;

  function submit(event: FormEvent) {
    event.preventDefault();
    if (!check.isPending && token.trim()) check.mutate();
  }

  return (
    <form className="sign-in" onSubmit={submit} aria-label="Sign in">
      <p>{reason}</p>
      <div className="field">
        <label htmlFor={id}>API key or token</label>
        <input
          id={id}
          type="password"
          autoComplete="off"
          ref={focus}
          data-autofocus
          required
          value={token}
          onChange={(event) => {
            setText(event.target.value);
            if (check.isError) check.reset();
          }}
          aria-invalid={problem !== undefined}
          aria-describedby={`${id}-problem ${id}-hint`}
        />
        <p className="error" role="alert" id={`${id}-problem`}>
          {problem}
        </p>
        <p className="hint" id={`${id}-hint`}>
          An API key begins with gak_. Unless you stay signed in, reloading the page signs you out.
        </p>
      </div>
      <label className="check">
        <input type="checkbox" checked={isStored} onChange={(event) => setStored(event.target.checked)} />
        Stay signed in until this tab is closed
      </label>
      <div className="buttons">
        <button className="primary" aria-disabled={check.isPending}>
          <Icon name="lock" />
          {check.isPending ? "Signing in …" : "Sign in"}
        </button>
        {onSignOut && (
          <button type="button" onClick={onSignOut}>
            Sign out
          </button>
        )}
      </div>
    </form>
  );
}

function focus(element: HTMLElement | null) {
  element?.focus();
}
