import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useRef, useState } from "react";

import { cache, refreshLists } from "../api/cache";
import { titleOf } from "../api/customer";
import { createCustomer } from "../api/outcomes";
import type { CreateCustomerInput } from "../generated/graphql";
import { knowOwn } from "../live/news";
import { Panel } from "../shell/Panel";
import { say } from "../shell/status";
import { show } from "../view/useView";
import { draftOf, dropDraft, keepDraft, NEW } from "./drafts";
import { Fields, keepFocus } from "./Fields";
import { errorsOf, FIELDS, inputOf, NO_VALUES } from "./fields";
import { newKey } from "./newKey";
import { Sending } from "./Sending";
import { useForm } from "./useForm";

/** The form that creates a customer. Text that is not sent stays until the next visit of the form. */
export function CreatePanel({ onClose }: { onClose: () => void }) {
  // The idempotency key. The same input keeps it, so sending it again creates at most one customer.
  const key = useRef<string>(undefined);
  const [message, setMessage] = useState<string>();
  const [draft] = useState(() => draftOf(NEW));
  const form = useForm({
    initial: draft?.values ?? NO_VALUES,
    onEdit: (values) => {
      key.current = undefined;
      setMessage(undefined);
      keepDraft(NEW, { values });
      if (creation.isError) creation.reset();
    },
  });
  const creation = useMutation({
    mutationFn: (input: CreateCustomerInput) => createCustomer(input, (key.current ??= newKey())),
    onSuccess: (outcome) => {
      key.current = undefined;
      if (outcome.to === "rejected") {
        setMessage(outcome.message);
        form.reject(outcome.errors);
        return;
      }
      dropDraft(NEW);
      knowOwn(outcome.customer.id, outcome.customer.version);
      cache.setQueryData(["customer", outcome.customer.id], outcome.customer);
      void refreshLists();
      show({ isNew: false, customer: outcome.customer.id }, "replace");
      // The panel that opens first removes the message before.
      setTimeout(() => say(`Created ${titleOf(outcome.customer)}.`));
    },
  });

  function submit(event: FormEvent) {
    event.preventDefault();
    if (creation.isPending) return;
    const input = inputOf(form.values);
    const found = errorsOf(input);
    if (FIELDS.some((name) => found[name])) return form.reject(found);
    setMessage(undefined);
    creation.mutate(input as CreateCustomerInput);
  }

  return (
    <Panel title="New customer" onClose={onClose}>
      <form noValidate onSubmit={submit} onMouseDown={keepFocus} aria-label="New customer">
        <Fields form={form} isReadOnly={creation.isPending} isDraft={draft !== undefined} />
        <footer className="panel-foot">
          <Sending
            isPending={creation.isPending}
            failure={creation.failureReason}
            message={message}
            safety="You can send this again: the customer is created only once."
          />
          <div className="buttons">
            <button className="primary" aria-disabled={creation.isPending}>
              {creation.isPending ? "Creating …" : creation.isError ? "Send again" : "Create customer"}
            </button>
            <button
              type="button"
              onClick={() => {
                dropDraft(NEW);
                onClose();
              }}
            >
              Discard
            </button>
          </div>
        </footer>
      </form>
    </Panel>
  );
}
