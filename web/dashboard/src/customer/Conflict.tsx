import { type FormEvent, useEffect, useId, useRef, useState } from "react";
import { flushSync } from "react-dom";

import type { Customer } from "../api/customer";
import { type Rules, useRules } from "../api/useRules";
import { type FieldName, type Values, valuesOf } from "../form/fields";
import { Time } from "../list/Time";
import { type Difference, differencesOf, merged, type Side } from "./conflict";

interface Props {
  base: Customer;
  mine: Values;
  theirs: Customer;
  isPending: boolean;
  onSave: (values: Values) => void;
  onEdit: (values: Values) => void;
}

/** Shows both texts of each field that differs, side by side, and lets a person choose. */
export function Conflict({ base, mine, theirs, isPending, onSave, onEdit }: Props) {
  const rules = useRules();
  const heading = useRef<HTMLHeadingElement>(null);
  const form = useRef<HTMLFormElement>(null);
  const differences = differencesOf(valuesOf(base), mine, valuesOf(theirs));
  const [choices, setChoices] = useState(suggestionsOf(differences));
  const [isIncomplete, setIncomplete] = useState(false);
  const result = merged(valuesOf(theirs), differences, choices);
  const open = differences.filter(({ name }) => !choices[name]);

  useEffect(() => heading.current!.focus(), []);

  function save(event: FormEvent) {
    event.preventDefault();
    if (open.length === 0) return onSave(result);
    flushSync(() => setIncomplete(true));
    form.current!.querySelector<HTMLElement>(`[name="choice-${open[0]!.name}"]`)?.focus();
  }

  return (
    <form ref={form} className="conflict" onSubmit={save} aria-label="Changes by two people">
      <div className="conflict-head">
        <h3 ref={heading} tabIndex={-1}>
          Another person has changed this customer
        </h3>
        <p>
          They saved their change at <Time value={theirs.updatedAt} />. Nothing of yours is lost: choose a
          value for each field.
        </p>
      </div>
      {differences.map((difference) => (
        <Choice
          key={difference.name}
          difference={difference}
          rules={rules}
          chosen={choices[difference.name]}
          isMissing={isIncomplete && !choices[difference.name]}
          onChoose={(side) => setChoices((before) => ({ ...before, [difference.name]: side }))}
        />
      ))}
      <footer className="panel-foot">
        <p role="alert" className="error">
          {isIncomplete && open.length > 0 && "Choose a value for each field."}
        </p>
        <div className="buttons">
          <button className="primary" aria-disabled={isPending}>
            {isPending ? "Saving …" : "Save these values"}
          </button>
          <button type="button" onClick={() => onEdit(result)}>
            Edit them first
          </button>
        </div>
      </footer>
    </form>
  );
}

interface ChoiceProps {
  difference: Difference;
  rules: Rules | undefined;
  chosen: Side | undefined;
  isMissing: boolean;
  onChoose: (side: Side) => void;
}

function Choice({ difference, rules, chosen, isMissing, onChoose }: ChoiceProps) {
  const id = useId();
  const { name, suggested } = difference;
  // The person has not touched a field for which the other text is suggested.
  const labels = { mine: suggested === "theirs" ? "Before" : "Yours", theirs: "Theirs" };
  return (
    <fieldset className="choice" aria-invalid={isMissing || undefined}>
      <legend>{rules?.[name].label ?? name}</legend>
      {(["mine", "theirs"] as const).map((side) => (
        <label key={side} htmlFor={`${id}${side}`}>
          <input
            type="radio"
            id={`${id}${side}`}
            name={`choice-${name}`}
            checked={chosen === side}
            onChange={() => onChoose(side)}
          />
          <span className="side">{labels[side]}</span>
          <span className="value">
            {difference[side] ? <bdi>{difference[side]}</bdi> : <span className="missing">no value</span>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}

function suggestionsOf(differences: Difference[]): Partial<Record<FieldName, Side>> {
  return Object.fromEntries(
    differences.filter(({ suggested }) => suggested).map(({ name, suggested }) => [name, suggested]),
  );
}
