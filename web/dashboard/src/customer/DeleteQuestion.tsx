import { useMutation } from "@tanstack/react-query";
import { useState } from "react";

import { cache, refreshLists } from "../api/cache";
import { type Customer, titleOf } from "../api/customer";
import { deleteCustomer } from "../api/outcomes";
import { dropDraft } from "../form/drafts";
import { Sending } from "../form/Sending";
import { knowOwn } from "../live/news";
import { Panel } from "../shell/Panel";
import { say } from "../shell/status";

interface Props {
  customer: Customer;
  onDeleted: () => void;
  onClose: () => void;
}

/** Asks before it deletes a customer. If another person has changed the customer, it asks again. */
export function DeleteQuestion({ customer, onDeleted, onClose }: Props) {
  const [message, setMessage] = useState<string>();
  const title = titleOf(customer);
  const deletion = useMutation({
    mutationFn: () => deleteCustomer(customer),
    onSuccess: (outcome) => {
      if (outcome.to === "changed") {
        cache.setQueryData(["customer", customer.id], outcome.current);
        setMessage("Another person has just changed this customer. Delete it all the same?");
        return;
      }
      dropDraft(customer.id);
      knowOwn(customer.id, Infinity);
      void refreshLists();
      say(outcome.to === "deleted" ? `Deleted ${title}.` : `${title} was already deleted.`);
      onDeleted();
    },
  });

  return (
    <Panel title={`Delete ${title}?`} kind="box" onClose={onClose}>
      {customer.name != null && (
        <p className="strong">
          <bdi>{customer.email}</bdi>
        </p>
      )}
      <p>The customer is deleted at once. Nobody can undo this.</p>
      <Sending
        isPending={deletion.isPending}
        failure={deletion.failureReason}
        message={message}
        safety="You can try this again."
      />
      <div className="buttons">
        <button
          type="button"
          className="danger"
          aria-disabled={deletion.isPending}
          onClick={() => !deletion.isPending && deletion.mutate()}
        >
          {deletion.isPending ? "Deleting …" : "Delete customer"}
        </button>
        <button type="button" onClick={onClose}>
          Cancel
        </button>
      </div>
    </Panel>
  );
}
