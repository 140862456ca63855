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

/** The form: it judges each field when it is left, and all of them before it sends anything. */
export function CustomerForm({ onCreated }: { onCreated: (customer: ListedCustomerFragment) => void }) {
  const form = useRef<HTMLFormElement>(null);
  const [errors, setErrors] = useState<FieldErrors>({});
  const [status, setStatus] = useState<Status>({ at: "filling" });
  // Kept while the same input is sent again, so that it creates one customer at most.
  const key = useRef<string>(undefined);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (status.at === "sending") return;
    const input = inputOf(form.current!);
    const found = errorsOf(input);
    if (FIELDS.some((name) => found[name])) return refuse(found);
    setErrors({});
    setStatus({ at: "sending" });
    try {
      key.current ??= crypto.randomUUID();
      const outcome = await createCustomer(input as CreateCustomerInput, key.current);
      if ("customer" in outcome) accept(outcome.customer);
      else refuse(outcome.errors, outcome.message);
    } catch (error) {
      setStatus({ at: "unanswered", message: (error as Error).message });
    }
  }

  function refuse(found: FieldErrors, message?: string) {
    key.current = undefined;
    // What is wrong must be there to be read out when its field gets the focus.
    flushSync(() => {
      setErrors(found);
      // What was created is still said when an empty form is sent after it, by a double click.
      setStatus((before) => (before.at === "created" ? before : { at: "filling", message }));
    });
    focus(FIELDS.find((name) => found[name]));
  }

  function accept(customer: ListedCustomerFragment) {
    key.current = undefined;
    form.current!.reset();
    setStatus({ at: "created", customer });
    onCreated(customer);
    focus(FIELDS[0]);
  }

  function focus(name: string | undefined) {
    form.current!.querySelector<HTMLElement>(`#${name}`)?.focus();
  }

  /** Only a person's writing is an `input`: `reset` and the focus that moves on make a `change`. */
  function written(event: FormEvent) {
    key.current = undefined;
    const { name } = event.target as HTMLInputElement;
    setErrors((before) => ({ ...before, [name]: undefined }));
    setStatus((before) => (before.at === "sending" ? before : { at: "filling" }));
  }

  function left(event: FormEvent) {
    const { name, value } = event.target as HTMLInputElement;
    if (!isField(name) || value.trim() === "") return;
    const found = errorsOf(inputOf(form.current!))[name];
    setErrors((before) => ({ ...before, [name]: found ?? before[name] }));
  }

  return (
    <form ref={form} noValidate onSubmit={submit} onInput={written} onBlur={left} aria-labelledby="form-heading">
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
      </div>
    </form>
  );
}

/** What was written; a field that is blank was not given. */
function inputOf(form: HTMLFormElement): Partial<CreateCustomerInput> {
  // Not by `FormData`, which makes two characters of each line break.
  const values = FIELDS.map((name) => [name, form.querySelector<HTMLInputElement>(`#${name}`)!.value]);
  return Object.fromEntries(values.filter(([, value]) => value?.trim() !== ""));
}
