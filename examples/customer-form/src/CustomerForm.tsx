import type { FormEvent } from "react";
import { useRef, useState } from "react";
import { flushSync } from "react-dom";

import { createCustomer } from "./createCustomer";
import { Field } from "./Field";
import type { FieldErrors } from "./fields";
import { errorsOf, FIELDS, GROUPS, isField, SHOWN } from "./fields";
import type { CreateCustomerInput, ListedCustomerFragment } from "./generated/graphql";

type Status =
  | { at: "filling"; message?: string | undefined }
  | { at: "sending" }
  | { at: "unanswered"; message: string }
  | { at: "created"; customer: ListedCustomerFragment };

/** The form. It checks each field when it loses the focus, and all fields before it sends them. */
export function CustomerForm({ onCreated }: { onCreated: () => void }) {
  const form = useRef<HTMLFormElement>(null);
  const [errors, setErrors] = useState<FieldErrors>({});
  const [status, setStatus] = useState<Status>({ at: "filling" });
  // The idempotency key. The same input keeps it, so sending it again creates at most one customer.
  const key = useRef<string>(undefined);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (status.at === "sending") return;
    const input = inputOf(form.current!);
    const found = errorsOf(input);
    if (FIELDS.some((name) => found[name])) return showErrors(found);
    setErrors({});
    setStatus({ at: "sending" });
    try {
      key.current ??= crypto.randomUUID();
      const outcome = await createCustomer(input as CreateCustomerInput, key.current);
      if ("customer" in outcome) showCreated(outcome.customer);
      else showErrors(outcome.errors, outcome.message);
    } catch (error) {
      setStatus({ at: "unanswered", message: (error as Error).message });
    }
  }

  function showErrors(found: FieldErrors, message?: string) {
    key.current = undefined;
    // A screen reader reads out the error with its field, so it must be there before the focus.
    flushSync(() => {
      setErrors(found);
      // A double click sends the empty form after a creation. The creation must stay on the page.
      setStatus((before) => (before.at === "created" ? before : { at: "filling", message }));
    });
    focus(FIELDS.find((name) => found[name]));
  }

  function showCreated(customer: ListedCustomerFragment) {
    key.current = undefined;
    form.current!.reset();
    setStatus({ at: "created", customer });
    onCreated();
    focus(FIELDS[0]);
  }

  function focus(name: string | undefined) {
    form.current!.querySelector<HTMLElement>(`#${name}`)?.focus();
  }

  /** Handles `input`, not `change`: a reset and a moving focus also cause `change` events. */
  function forgetErrorOfEdited(event: FormEvent) {
    key.current = undefined;
    const { name } = event.target as HTMLInputElement;
    setErrors((before) => ({ ...before, [name]: undefined }));
    setStatus((before) => (before.at === "sending" ? before : { at: "filling" }));
  }

  function checkFieldLeft(event: FormEvent) {
    const { name, value } = event.target as HTMLInputElement;
    if (!isField(name) || value.trim() === "") return;
    const found = errorsOf(inputOf(form.current!))[name];
    setErrors((before) => ({ ...before, [name]: found ?? before[name] }));
  }

  return (
    <form className="card" ref={form} noValidate onSubmit={submit} onInput={forgetErrorOfEdited} onBlur={checkFieldLeft} aria-labelledby="form-heading">
      <div className="row">
        <h2 id="form-heading">Create a customer</h2>
        <p role="status">
          {status.at === "created" && `Created ${status.customer.name ?? status.customer.email}.`}
        </p>
      </div>
      {GROUPS.map((group) => (
        <fieldset key={group}>
          <legend>{group}</legend>
          {FIELDS.filter((name) => SHOWN[name].group === group).map((name) => (
            <Field key={name} name={name} errors={errors[name]} />
          ))}
        </fieldset>
      ))}
      <div className="row">
        <button aria-disabled={status.at === "sending"}>
          {status.at === "sending" ? "Creating…" : status.at === "unanswered" ? "Send again" : "Create customer"}
        </button>
        <p role="alert" className="error">{"message" in status && status.message}</p>
        {status.at === "unanswered" && <p className="hint">You can send this again: the customer is created only once.</p>}
      </div>
    </form>
  );
}

/** The text of each field that is not blank. */
function inputOf(form: HTMLFormElement): Partial<CreateCustomerInput> {
  // `FormData` would turn each line break into two characters.
  const values = FIELDS.map((name) => [name, form.querySelector<HTMLInputElement>(`#${name}`)!.value]);
  return Object.fromEntries(values.filter(([, value]) => value?.trim() !== ""));
}
