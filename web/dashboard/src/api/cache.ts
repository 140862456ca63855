// The answers of the server, and how often the page asks again.

import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";

import { rejectToken } from "../session/session";
import { clearMessage } from "../shell/status";
import { type Failure, isTransient } from "./failure";

declare module "@tanstack/react-query" {
  interface Register {
    defaultError: Failure;
  }
}

const LONGEST_PAUSE_MILLISECONDS = 15_000;
/** How often a mutation is sent again before a person decides, and a count before the page goes without. */
export const REPEATS = 3;

export const cache = new QueryClient({
  queryCache: new QueryCache({ onError: noticeRejectedToken }),
  mutationCache: new MutationCache({ onMutate: clearMessage, onError: noticeRejectedToken }),
  defaultOptions: {
    // The server may be on this machine, so it may answer even if the browser has no network.
    queries: {
      networkMode: "always",
      staleTime: 2_000,
      retry: (_, failure) => isTransient(failure),
      retryDelay: pause,
    },
    mutations: {
      networkMode: "always",
      retry: (count, { kind }) => kind === "away" && count < REPEATS,
      retryDelay: pause,
    },
  },
});

/** Each pause is twice as long as the last one, and as long as the server asks. */
function pause(count: number, { retryAfter }: Failure): number {
  return Math.max(Math.min(1000 * 2 ** count, LONGEST_PAUSE_MILLISECONDS), 1000 * retryAfter);
}

function noticeRejectedToken({ kind }: Failure) {
  if (kind === "unauthenticated") rejectToken();
}

/** Loads the list that is shown again. Returns false if that fails: then the list shows why. */
export async function reloadList(): Promise<boolean> {
  void cache.invalidateQueries({ queryKey: ["count"] });
  try {
    await cache.refetchQueries({ queryKey: ["customers"], type: "active" }, { throwOnError: true });
    return true;
  } catch {
    return false;
  }
}

/** Loads the lists again after a change. */
export function refreshLists(): Promise<unknown> {
  return Promise.all([
    cache.invalidateQueries({ queryKey: ["customers"] }),
    cache.invalidateQueries({ queryKey: ["count"] }),
  ]);
}
