import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useEffect, useState } from "react";

import { cache, refreshLists } from "../api/cache";
import { type Customer, titleOf } from "../api/customer";
import { updateCustomer } from "../api/outcomes";
import { dropDraft, keepDraft } from "../form/drafts";
import { idOf } from "../form/Field";
import { Fields, keepFocus } from "../form/Fields";
import { changesOf, errorsOf, type FieldErrors, FIELDS, inputOf, type Values, valuesOf } from "../form/fields";
import { Sending } from "../form/Sending";
import { useForm } from "../form/useForm";
import { type Change, knowOwn } from "../live/news";
import { clearMessage, say } from "../shell/status";
import { ChangeNotice } from "./ChangeNotice";
import { Conflict } from "./Conflict";

interface Props {
  /** The customer as it was when the person began to change it. */
  base: Customer;
  values: Values;
  /** The errors that the server has found in these values. */
  errors: FieldErrors | undefined;
  /** Whether the values are those of an earlier visit. */
  isDraft: boolean;
  /** What has happened to the customer since then. */
  change: Change | undefined;
  /** Begins again with another base. */
  onBase: (base: Customer, values: Values, errors?: FieldErrors) => void;
  onMissing: (values: Values) => void;
  onDone: () => void;
}

/** The form that changes a customer. It sends the changed fields only. */
export function EditForm(props: Props) {
  const { base, values: initial, errors, isDraft, change, onBase, onMissing, onDone } = props;
  const [message, setMessage] = useState<string>();
  const [theirs, setTheirs] = useState<Customer>();
  const form = useForm({
    initial,
    id: base.id,
    onEdit: (values) => {
      setMessage(undefined);
      keepDraft(base.id, { values, base });
      if (update.isError) update.reset();
    },
  });
  const update = useMutation({
    mutationFn: ({ from, to }: { from: Customer; to: Values }) =>
      updateCustomer(from, changesOf(valuesOf(from), to)),
    onSuccess: (outcome, { from, to }) => {
      switch (outcome.to) {
        case "updated":
          knowOwn(base.id, outcome.customer.version);
          cache.setQueryData(["customer", base.id], outcome.customer);
          void refreshLists();
          dropDraft(base.id);
          say(`Saved ${titleOf(outcome.customer)}.`);
          return onDone();
        case "rejected":
          // The form shows the errors at their fields, with the values that were sent.
          if (theirs) return onBase(from, to, outcome.errors);
          setMessage(outcome.message);
          return form.reject(outcome.errors);
        case "changed":
          cache.setQueryData(["customer", base.id], outcome.current);
          return setTheirs(outcome.current);
        case "missing":
          void refreshLists();
          return onMissing(to);
        default:
          return outcome satisfies never;
      }
    },
  });

  useEffect(() => {
    clearMessage();
    // React shows errors at once only after this effect.
    if (errors) queueMicrotask(() => form.reject(errors));
    else document.getElementById(idOf(FIELDS[0]!))?.focus();
  }, []);

  if (theirs) {
    return (
      <Conflict
        key={theirs.version}
        base={base}
        mine={form.values}
        theirs={theirs}
        isPending={update.isPending}
        onSave={(to) => update.mutate({ from: theirs, to })}
        onEdit={(values) => onBase(theirs, values)}
      />
    );
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    if (update.isPending) return;
    const changes = changesOf(valuesOf(base), form.values);
    if (Object.keys(changes).length === 0) {
      dropDraft(base.id);
      return onDone();
    }
    const all = errorsOf(inputOf(form.values));
    const found = Object.fromEntries(Object.entries(all).filter(([name]) => name in changes));
    if (Object.keys(found).length > 0) return form.reject(found);
    setMessage(undefined);
    update.mutate({ from: base, to: form.values });
  }

  return (
    <form noValidate onSubmit={submit} onMouseDown={keepFocus} aria-label={`Edit ${titleOf(base)}`}>
      <Fields form={form} isReadOnly={update.isPending} isDraft={isDraft} />
      <footer className="panel-foot">
        <ChangeNotice
          change={change}
          forChanged={{ text: "Compare with your text", onPress: setTheirs }}
          forDeleted={{
            text: "Create a customer from your text",
            onPress: () => onMissing(form.values),
          }}
        />
        <Sending
          isPending={update.isPending}
          failure={update.failureReason}
          message={message}
          safety="You can send this again: the server makes no change twice."
        />
        <div className="buttons">
          <button className="primary" aria-disabled={update.isPending}>
            {update.isPending ? "Saving …" : update.isError ? "Send again" : "Save"}
          </button>
          <button
            type="button"
            onClick={() => {
              dropDraft(base.id);
              onDone();
            }}
          >
            Discard changes
          </button>
        </div>
      </footer>
    </form>
  );
}
