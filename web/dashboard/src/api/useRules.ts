import { useQuery } from "@tanstack/react-query";

import type { FieldRulesQuery } from "../generated/graphql";
import { type FieldName, isField } from "../form/fields";
import { execute } from "./execute";
import { FIELD_RULES } from "./operations";

export type Rule = NonNullable<FieldRulesQuery["customerFieldRules"]>[number];
export type Rules = Record<FieldName, Rule>;

/** The rule of each field; undefined until the server has answered. */
export function useRules(): Rules | undefined {
  const { data } = useQuery({
    queryKey: ["rules"],
    queryFn: ({ signal }) => execute(FIELD_RULES, {}, { signal }),
    staleTime: Infinity,
  });
  const rules = data?.customerFieldRules?.filter(({ name }) => isField(name));
  return rules && (Object.fromEntries(rules.map((rule) => [rule.name, rule])) as Rules);
}
