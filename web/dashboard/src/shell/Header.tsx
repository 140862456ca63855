import { GRAPHQL, server } from "../server";
import { openExport, openImport } from "../files/opened";
import { SearchBox } from "../list/SearchBox";
import type { Rights } from "../session/useRights";
import { show } from "../view/useView";
import { Icon } from "./Icon";
import { Logo } from "./Logo";

interface Props {
  rights: Rights;
  filterCount: number;
  areFiltersOpen: boolean;
  onFilters: () => void;
  onHelp: () => void;
  /** Undefined if nobody has signed in. */
  onSignOut: (() => void) | undefined;
}

export function Header({ rights, filterCount, areFiltersOpen, onFilters, onHelp, onSignOut }: Props) {
  return (
    <header className="top">
      <h1 id="customers" tabIndex={-1}>
        <Logo />
        Customers
      </h1>
      {rights.reads && (
        <>
          <SearchBox />
          <button
            type="button"
            id="filter-button"
            className="filter-button"
            aria-expanded={areFiltersOpen}
            aria-controls="filters"
            onClick={onFilters}
          >
            <Icon name="filter" />
            <span>Filters</span>
            {filterCount > 0 && (
              <span className="badge">
                {filterCount}
                <span className="hidden"> in use</span>
              </span>
            )}
          </button>
        </>
      )}
      {rights.writes && (
        <button
          type="button"
          className="primary new-button"
          aria-keyshortcuts="n"
          onClick={() => show({ isNew: true })}
        >
          <Icon name="plus" />
          New customer
        </button>
      )}
      {rights.writes && (
        <button type="button" className="file-button" onClick={() => openImport()}>
          <Icon name="up" />
          Import
        </button>
      )}
      {rights.reads && (
        <button type="button" className="file-button" onClick={openExport}>
          <Icon name="down" />
          Export
        </button>
      )}
      <nav className="links" aria-label="More">
        {server.graphiql && <a href={GRAPHQL}>GraphiQL</a>}
        <button type="button" className="link" onClick={onHelp} aria-keyshortcuts="?">
          Shortcuts
        </button>
        {onSignOut && (
          <button type="button" className="link" onClick={onSignOut}>
            Sign out
          </button>
        )}
      </nav>
    </header>
  );
}
