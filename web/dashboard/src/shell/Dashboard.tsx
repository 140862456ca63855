import { useState } from "react";

import { cache } from "../api/cache";
import { listed } from "../api/useCustomers";
import { CustomerPanel } from "../customer/CustomerPanel";
import { CreatePanel } from "../form/CreatePanel";
import { DropTarget } from "../files/DropTarget";
import { ExportPanel } from "../files/ExportPanel";
import { ImportPanel } from "../files/ImportPanel";
import { closeFiles, useOpened } from "../files/opened";
import { dropAllDrafts } from "../form/drafts";
import { CustomerList } from "../list/CustomerList";
import { Filters } from "../list/Filters";
import { focusedCustomer, focusFirstRow } from "../list/rows";
import { stopFollowing } from "../live/follow";
import { forgetToken, useSession } from "../session/session";
import { SignIn } from "../session/SignIn";
import { useRights } from "../session/useRights";
import { show, useView } from "../view/useView";
import { copy } from "./copy";
import { Header } from "./Header";
import { Help } from "./Help";
import { Panel } from "./Panel";
import { useKeys } from "./shortcuts";
import { Status } from "./status";

/** The list, and over it what is open: a customer, the form or the help. */
export function Dashboard() {
  const view = useView();
  const rights = useRights();
  const { token, isRejected } = useSession();
  const [areFiltersOpen, setFiltersOpen] = useState(false);
  const [isHelpOpen, setHelpOpen] = useState(false);
  const files = useOpened();
  const creates = view.isNew && rights.writes;
  const isCovered = view.customer !== "" || creates || isHelpOpen || isRejected || files !== undefined;

  useKeys(
    isCovered
      ? {}
      : {
          "/": (event) => {
            event.preventDefault();
            document.getElementById("search")?.focus();
          },
          n: (event) => {
            event.preventDefault();
            if (rights.writes) show({ isNew: true });
          },
          "?": () => setHelpOpen(true),
          c: () => copyFocused("email"),
          i: () => copyFocused("id"),
          ArrowDown: (event) => {
            if (document.activeElement === document.body && focusFirstRow()) event.preventDefault();
          },
        },
  );

  return (
    <>
      <Header
        rights={rights}
        filterCount={filterCount(view)}
        areFiltersOpen={areFiltersOpen}
        onFilters={() => setFiltersOpen((open) => !open)}
        onHelp={() => setHelpOpen(true)}
        onSignOut={token ? signOut : undefined}
      />
      {areFiltersOpen && <Filters view={view} />}
      <main>
        <CustomerList view={view} rights={rights} />
      </main>
      {view.customer && (
        <CustomerPanel
          key={view.customer}
          id={view.customer}
          rights={rights}
          onClose={close}
          onGone={closeDeleted}
        />
      )}
      {creates && !view.customer && <CreatePanel onClose={close} />}
      {files?.panel === "import" && <ImportPanel dropped={files.file} onClose={closeFiles} />}
      {files?.panel === "export" && <ExportPanel view={view} onClose={closeFiles} />}
      {rights.writes && !isCovered && <DropTarget />}
      {isHelpOpen && <Help onClose={() => setHelpOpen(false)} />}
      {isRejected && (
        <Panel title="Sign in again" kind="box">
          <SignIn
            reason="The server does not accept your token any more. Text that you have typed is still here."
            onSignOut={signOut}
          />
        </Panel>
      )}
      <Status isQuiet={isCovered} />
    </>
  );
}

function close() {
  show({ customer: "", isNew: false });
}

/** Back does not lead to a deleted customer, whose row cannot get the focus either. */
function closeDeleted() {
  show({ customer: "" }, "replace");
  setTimeout(() => document.getElementById("customers")?.focus());
}

function copyFocused(what: "email" | "id") {
  const customer = listed(focusedCustomer() ?? "");
  if (customer) void copy(customer[what], what === "id" ? "id" : "email address");
}

function filterCount(view: ReturnType<typeof useView>): number {
  const { country, city, state, createdFrom, createdBefore, has, hasNot } = view;
  const texts = [country, city, state, createdFrom, createdBefore].filter((text) => text !== "");
  return texts.length + has.length + hasNot.length;
}

function signOut() {
  forgetToken();
  closeFiles();
  dropAllDrafts();
  stopFollowing();
  cache.clear();
}
