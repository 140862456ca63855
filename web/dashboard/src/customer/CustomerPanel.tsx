import { useRef, useState } from "react";

import { type Customer, titleOf } from "../api/customer";
import { useCustomer } from "../api/useCustomers";
import { type Draft, draftOf, dropDraft, keepDraft, NEW } from "../form/drafts";
import { type FieldErrors, type Values, valuesOf } from "../form/fields";
import { cache } from "../api/cache";
import { WaitingNotice } from "../list/failures";
import type { Rights } from "../session/useRights";
import { copy } from "../shell/copy";
import { changeOf, useNews } from "../live/news";
import { Panel } from "../shell/Panel";
import { useKeys } from "../shell/shortcuts";
import { show } from "../view/useView";
import { ChangeNotice } from "./ChangeNotice";
import { DeleteQuestion } from "./DeleteQuestion";
import { Details } from "./Details";
import { EditForm } from "./EditForm";

/** A UUID, as the server makes them. */
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

interface Props {
  id: string;
  rights: Rights;
  onClose: () => void;
  /** Closes the panel of a customer that does not exist any more. */
  onGone: () => void;
}

type Edited = Required<Draft> & { errors?: FieldErrors; isDraft?: boolean };

/** One customer over the list: its fields, and the form that changes them. */
export function CustomerPanel({ id, rights, onClose, onGone }: Props) {
  const { data: customer, error, failureReason, refetch } = useCustomer(id);
  const [edited, setEdited] = useState(() => editedDraft(id));
  const [isDeleting, setDeleting] = useState(false);
  const [unsaved, setUnsaved] = useState<Values>();
  const editButton = useRef<HTMLButtonElement>(null);
  const news = useNews();
  const shown = edited?.base ?? customer;
  const change = shown ? changeOf(shown, news) : undefined;

  const edit = (base: Customer, values = valuesOf(base), errors?: FieldErrors) =>
    setEdited({ base, values, ...(errors && { errors }) });
  const canEdit = customer && !edited && !isDeleting && rights.writes;
  useKeys({
    ...(canEdit && {
      e: (event) => {
        event.preventDefault();
        edit(customer);
      },
    }),
    ...(customer &&
      !edited && {
        c: () => void copy(customer.email, "email address"),
        i: () => void copy(id, "id"),
      }),
  });

  if (unsaved || customer === null) {
    return (
      // Another key is another dialog, which takes the focus.
      <Panel key="missing" title="This customer does not exist" kind="box" onClose={onGone}>
        <p role="alert">
          {ID.test(id)
            ? "Another person may have deleted it."
            : "The address of this page has an id that no customer can have. It may be incomplete."}
        </p>
        <div className="buttons">
          {unsaved && (
            <button type="button" className="primary" onClick={() => createAgain(id, unsaved)}>
              Create a customer from your text
            </button>
          )}
          <button type="button" onClick={onGone}>
            Back to the list
          </button>
        </div>
      </Panel>
    );
  }

  return (
    <Panel title={customer ? titleOf(customer) : "Customer"} onClose={onClose}>
      {failureReason && !error && !edited && (
        <WaitingNotice failure={failureReason} onRetry={() => void refetch()} />
      )}
      {error && !customer && (
        <>
          <p className="error" role="alert">
            {error.message}
          </p>
          <div className="buttons">
            <button type="button" onClick={() => void refetch()}>
              Try again
            </button>
          </div>
        </>
      )}
      {edited ? (
        <EditForm
          // Another base is another form.
          key={edited.base.version}
          base={edited.base}
          values={edited.values}
          errors={edited.errors}
          isDraft={edited.isDraft ?? false}
          change={change}
          onBase={(base, values, errors) => {
            keepDraft(id, { base, values });
            edit(base, values, errors);
          }}
          onMissing={setUnsaved}
          onDone={() => {
            setEdited(undefined);
            setTimeout(() => editButton.current?.focus());
          }}
        />
      ) : (
        customer && (
          <>
            <Details customer={customer} />
            <footer className="panel-foot">
              <ChangeNotice
                change={change}
                forChanged={{
                  text: "Show the new values",
                  onPress: (current) => {
                    cache.setQueryData(["customer", id], current);
                    (editButton.current ?? document.querySelector<HTMLElement>(".panel h2"))?.focus();
                  },
                }}
                forDeleted={{ text: "Back to the list", onPress: onGone }}
              />
              {rights.writes && (
                <div className="buttons">
                  <button
                    ref={editButton}
                    type="button"
                    className="primary"
                    aria-keyshortcuts="e"
                    onClick={() => edit(customer)}
                  >
                    Edit
                  </button>
                  <button type="button" className="danger-quiet" onClick={() => setDeleting(true)}>
                    Delete …
                  </button>
                </div>
              )}
            </footer>
          </>
        )
      )}
      {isDeleting && customer && (
        <DeleteQuestion customer={customer} onDeleted={onGone} onClose={() => setDeleting(false)} />
      )}
    </Panel>
  );
}

function editedDraft(id: string): Edited | undefined {
  const draft = draftOf(id);
  return draft?.base && { base: draft.base, values: draft.values, isDraft: true };
}

/** Puts the text that could not be saved into the form for a new customer. */
function createAgain(id: string, values: Values) {
  dropDraft(id);
  keepDraft(NEW, { values });
  show({ customer: "", isNew: true }, "replace");
}
