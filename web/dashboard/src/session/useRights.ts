import { useQuery } from "@tanstack/react-query";

import { ask } from "../api/execute";
import { failureOf } from "../api/failure";
import { RIGHTS } from "../api/operations";
import { server } from "../server";
import { useSession } from "./session";

export interface Rights {
  reads: boolean;
  writes: boolean;
}

/** What the token may do. Until that is known, the page offers to read only. */
export function useRights(): Rights {
  const { token } = useSession();
  const asks = server.authentication === true || token !== undefined;
  const { data } = useQuery({
    queryKey: ["rights", token],
    queryFn: ({ signal }) => rightsOf(token, signal),
    enabled: asks,
  });
  return asks ? (data ?? { reads: true, writes: false }) : { reads: true, writes: true };
}

/** Asks one question for each right. Throws a `Failure` if the server answers neither. */
export async function rightsOf(token: string | undefined, signal?: AbortSignal): Promise<Rights> {
  const { errors = [] } = await ask(RIGHTS, {}, { ...(token && { token }), ...(signal && { signal }) });
  const lacks = (field: string) =>
    errors.some(({ path, extensions }) => path?.[0] === field && extensions?.code === "FORBIDDEN");
  const rights = { reads: !lacks("customers"), writes: !lacks("validateCustomer") };
  const other = errors.find(({ extensions }) => extensions?.code !== "FORBIDDEN");
  if (other) throw failureOf(other);
  return rights;
}
