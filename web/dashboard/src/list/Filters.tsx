import { type FormEvent, useEffect, useId, useRef, useState } from "react";

import { FIELDS, SHOWN } from "../form/fields";
import { useRules } from "../api/useRules";
import type { CustomerField } from "../generated/graphql";
import { NO_FILTER, type View } from "../view/address";
import { show } from "../view/useView";

const TEXTS = [
  ["country", "Country", "US, Germany"],
  ["state", "State", "NY"],
  ["city", "City", "New York, Berlin"],
] as const;

const DAYS = [
  ["createdFrom", "Created from"],
  ["createdBefore", "Created before"],
] as const;

const LISTS = [
  ["has", "Has a value in"],
  ["hasNot", "Has no value in"],
] as const;

/** The conditions that each customer of the list fulfils. */
export function Filters({ view }: { view: View }) {
  const id = useId();
  const rules = useRules();
  const form = useRef<HTMLFormElement>(null);
  const [areDaysReversed, setDaysReversed] = useState(false);
  const { country, state, city, createdFrom, createdBefore, has, hasNot } = view;
  const inUse = [country, state, city, createdFrom, createdBefore, ...has, "", ...hasNot].join("\n");
  // Filters change elsewhere too. A reset shows the default values, which React has changed before.
  useEffect(() => {
    form.current!.reset();
    setDaysReversed(false);
  }, [inUse]);

  function apply(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const text = (name: string) => String(given.get(name) ?? "").trim();
    const list = (name: "has" | "hasNot") => {
      const added = text(name) as CustomerField;
      return added && !view[name].includes(added) ? [...view[name], added] : view[name];
    };
    // Days in the form YYYY-MM-DD have the order of their texts.
    const isReversed = text("createdBefore") !== "" && text("createdBefore") < text("createdFrom");
    setDaysReversed(isReversed);
    if (isReversed) return document.getElementById(`${id}createdBefore`)?.focus();
    show({
      country: text("country"),
      state: text("state"),
      city: text("city"),
      createdFrom: text("createdFrom"),
      createdBefore: text("createdBefore"),
      has: list("has"),
      hasNot: list("hasNot"),
    });
  }

  function clear() {
    form.current!.reset();
    setDaysReversed(false);
    show(NO_FILTER);
  }

  return (
    <form ref={form} className="filters" id="filters" aria-label="Filters" onSubmit={apply}>
      {TEXTS.map(([name, label, example]) => (
        <div className="field" key={name}>
          <label htmlFor={`${id}${name}`}>{label}</label>
          <input
            id={`${id}${name}`}
            name={name}
            defaultValue={view[name]}
            placeholder={example}
            autoComplete="off"
            dir="auto"
          />
        </div>
      ))}
      {DAYS.map(([name, label]) => {
        const isInvalid = name === "createdBefore" && areDaysReversed;
        return (
          <div className="field" key={name}>
            <label htmlFor={`${id}${name}`}>{label}</label>
            <input
              id={`${id}${name}`}
              name={name}
              type="date"
              defaultValue={view[name]}
              aria-invalid={isInvalid}
              aria-describedby={isInvalid ? `${id}error` : undefined}
            />
            {isInvalid && (
              <p className="error" id={`${id}error`} role="alert">
                Choose a date that is not before “Created from”.
              </p>
            )}
          </div>
        );
      })}
      {LISTS.map(([name, label]) => (
        <div className="field" key={name}>
          <label htmlFor={`${id}${name}`}>{label}</label>
          <select id={`${id}${name}`} name={name} defaultValue="">
            <option value="">Choose a field</option>
            {FIELDS.map((field) => (
              <option key={field} value={SHOWN[field].field}>
                {rules?.[field].label ?? field}
              </option>
            ))}
          </select>
        </div>
      ))}
      <div className="buttons">
        <button className="primary">Apply</button>
        <button type="button" onClick={clear}>
          Clear filters
        </button>
      </div>
    </form>
  );
}
