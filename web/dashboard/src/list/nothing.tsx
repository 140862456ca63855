// What the page shows in place of an empty list.

import { openImport } from "../files/opened";
import type { Rights } from "../session/useRights";
import { Notice } from "../shell/Notice";
import { NO_FILTER, type View } from "../view/address";
import { show } from "../view/useView";

export function NoCustomers({ rights }: { rights: Rights }) {
  return (
    <Notice icon="people" title="No customers yet">
      {rights.writes ? (
        <>
          <p>
            Create the first one here, or import many from a CSV or JSON Lines file: choose the file, or drop
            it on this page.
          </p>
          <div className="buttons">
            <button type="button" className="primary" onClick={() => show({ isNew: true })}>
              Create the first customer
            </button>
            <button type="button" onClick={() => openImport()}>
              Import a file
            </button>
          </div>
        </>
      ) : (
        <p>Your token may not create customers.</p>
      )}
    </Notice>
  );
}

export function NoMatch({ view }: { view: View }) {
  return (
    <Notice icon="search" title="No customer matches">
      <p>
        {view.search.trim() ? (
          <>
            No customer matches <bdi className="quoted">{view.search.trim()}</bdi>. The search looks for the
            beginning of each word.
          </>
        ) : (
          "No customer fulfils these filters."
        )}
      </p>
      <div className="buttons">
        <button type="button" className="primary" onClick={() => show({ search: "", ...NO_FILTER })}>
          Clear search and filters
        </button>
      </div>
    </Notice>
  );
}
