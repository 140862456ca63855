import { type Rules, useRules } from "../api/useRules";
import { FIELDS, SHOWN } from "../form/fields";
import type { CustomerField } from "../generated/graphql";
import { Icon } from "../shell/Icon";
import type { View } from "../view/address";
import { show } from "../view/useView";

interface Chip {
  text: string;
  /** The change of the view that removes the filter. */
  without: Partial<View>;
}

/** The filters in use. Each has a button that removes it. */
export function Chips({ view }: { view: View }) {
  const chips = chipsOf(view, useRules());
  if (chips.length === 0) return null;
  return (
    <ul className="chips" aria-label="Filters in use">
      {chips.map(({ text, without }) => (
        <li key={text}>
          <bdi>{text}</bdi>
          <button type="button" aria-label={`Remove the filter ${text}`} onClick={() => remove(without)}>
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}

function remove(without: Partial<View>) {
  show(without);
  // The button that had the focus is gone.
  document.getElementById("filter-button")?.focus();
}

function chipsOf(view: View, rules: Rules | undefined): Chip[] {
  const labelOf = (field: CustomerField) => {
    const name = FIELDS.find((known) => SHOWN[known].field === field)!;
    return rules?.[name].label ?? name;
  };
  return [
    view.country && { text: `Country: ${view.country}`, without: { country: "" } },
    view.state && { text: `State: ${view.state}`, without: { state: "" } },
    view.city && { text: `City: ${view.city}`, without: { city: "" } },
    view.createdFrom && { text: `Created from ${view.createdFrom}`, without: { createdFrom: "" } },
    view.createdBefore && { text: `Created before ${view.createdBefore}`, without: { createdBefore: "" } },
    ...view.has.map((field) => ({
      text: `Has ${labelOf(field)}`,
      without: { has: view.has.filter((other) => other !== field) },
    })),
    ...view.hasNot.map((field) => ({
      text: `No ${labelOf(field)}`,
      without: { hasNot: view.hasNot.filter((other) => other !== field) },
    })),
  ].filter((chip) => chip !== "");
}
