// Follows the events of customers while a person sees the page.

import { useEffect, useState } from "react";

import { cache } from "../api/cache";
import { execute } from "../api/execute";
import { Failure, isTransient } from "../api/failure";
import { CUSTOMERS } from "../api/operations";
import type { CustomersQuery, CustomersQueryVariables } from "../generated/graphql";
import { useSession } from "../session/session";
import { forgetNews, hear, hearOfVersion, missNews } from "./news";
import { listen } from "./stream";

const FIRST_PAUSE_MILLISECONDS = 1_000;
const LONGEST_PAUSE_MILLISECONDS = 30_000;
/** Browsers open six connections to a server at most, for all tabs together. */
const HIDDEN_MILLISECONDS = 15_000;

/** The cursor of the last event. Events that follow it are not lost. */
let cursor: string | undefined;

export function useLiveNews(isOn: boolean) {
  const isSeen = useIsSeen();
  const { token } = useSession();
  useEffect(() => {
    if (!isOn || !isSeen) return undefined;
    const controller = new AbortController();
    void follow(controller.signal);
    return () => controller.abort();
  }, [isOn, isSeen, token]);
}

/** Forgets everything, for another person. */
export function stopFollowing() {
  cursor = undefined;
  forgetNews();
}

/** Listens until the signal, or until the server says that it will never send events. */
async function follow(signal: AbortSignal) {
  let failures = 0;
  while (!signal.aborted) {
    let retryAfter = 0;
    try {
      await listen(cursor, signal, {
        onBegin: () => {
          failures = 0;
          if (cursor === undefined) void compareLists(signal);
        },
        onEvent: (event, next) => {
          cursor = next;
          hear(event);
        },
      });
    } catch (error) {
      if (signal.aborted || !(error instanceof Failure)) return;
      ({ retryAfter } = error);
      if (error.kind === "rejected" && cursor !== undefined) {
        // The cursor is that of another database.
        cursor = undefined;
        missNews();
      } else if (!isTransient(error)) {
        return;
      }
    }
    const pause = Math.min(FIRST_PAUSE_MILLISECONDS * 2 ** failures++, LONGEST_PAUSE_MILLISECONDS);
    // Not all pages come back at the same time.
    await passed(Math.max(pause * (0.5 + Math.random() / 2), 1000 * retryAfter), signal);
  }
}

/** Looks for changes of the list between the moment at which it was read and now. */
async function compareLists(signal: AbortSignal) {
  const [query] = cache.getQueryCache().findAll({ queryKey: ["customers"], type: "active" });
  const before = query?.state.data as CustomersQuery | undefined;
  if (!query || !before) return;
  try {
    const now = await execute(CUSTOMERS, query.queryKey[1] as CustomersQueryVariables, { signal });
    // The list was loaded again meanwhile.
    if (query.state.data !== before) return;
    const [old, current] = [before, now].map(({ customers }) => customers?.nodes ?? []);
    if (old!.map(({ id }) => id).join() !== current!.map(({ id }) => id).join()) missNews();
    else current!.forEach(hearOfVersion);
  } catch {
    if (!signal.aborted) missNews();
  }
}

/** Whether the tab is visible, or was a moment ago. */
function useIsSeen(): boolean {
  const [isSeen, setSeen] = useState(!document.hidden);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    function notice() {
      clearTimeout(timer);
      if (document.hidden) timer = setTimeout(() => setSeen(false), HIDDEN_MILLISECONDS);
      else setSeen(true);
    }
    document.addEventListener("visibilitychange", notice);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", notice);
    };
  }, []);
  return isSeen;
}

/** Waits, unless the signal ends the waiting. */
function passed(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener("abort", end);
  });
}
