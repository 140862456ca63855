// The token of the person who uses the page.

import { useSyncExternalStore } from "react";

interface Session {
  token?: string;
  /** Whether the server has rejected the token, for example because it is revoked. */
  isRejected: boolean;
}

const KEY = "graphql-api token";

let session: Session = { ...stored(), isRejected: false };
const listeners = new Set<() => void>();

export function useSession(): Session {
  return useSyncExternalStore(subscribe, () => session);
}

export function currentToken(): string | undefined {
  return session.token;
}

/** Uses the token. The browser stores it only if `isStored`, and only until it is closed. */
export function setToken(token: string, isStored: boolean) {
  store(isStored ? token : undefined);
  change({ token, isRejected: false });
}

export function forgetToken() {
  store(undefined);
  change({ isRejected: false });
}

/** The token stays until a person enters another one, because forms may contain unsaved text. */
export function rejectToken() {
  store(undefined);
  change({ ...session, isRejected: true });
}

function change(next: Session) {
  session = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// `sessionStorage` throws if the browser blocks it. Then the token is in memory only.
function stored(): { token?: string } {
  try {
    const token = sessionStorage.getItem(KEY);
    return token ? { token } : {};
  } catch {
    return {};
  }
}

function store(token: string | undefined) {
  try {
    if (token) sessionStorage.setItem(KEY, token);
    else sessionStorage.removeItem(KEY);
  } catch {
    // See above.
  }
}
