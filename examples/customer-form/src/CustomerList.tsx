import type { FormEvent } from "react";

import type { ListedCustomerFragment } from "./generated/graphql";
import type { useCustomers } from "./useCustomers";

/** The customers on the server, with a search. */
export function CustomerList({ list }: { list: ReturnType<typeof useCustomers> }) {
  const { customers, next, failure, loading, search } = list;

  function find(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    list.find(event.currentTarget.querySelector("input")!.value);
  }

  return (
    <section className="card" aria-labelledby="list-heading" aria-busy={loading}>
      <h2 id="list-heading">Newest customers</h2>
      <form className="row" role="search" onSubmit={find}>
        <input type="search" aria-label="Search customers" maxLength={100} autoComplete="off" />
        <button>Search</button>
      </form>
      <ul>
        {customers.map((customer) => (
          <CustomerItem key={customer.id} customer={customer} />
        ))}
      </ul>
      {loading && <p className="quiet">Loading…</p>}
      {!loading && !failure && customers.length === 0 && (
        <p className="quiet">{search?.trim() ? "No customer matches." : "No customers yet."}</p>
      )}
      {!loading && failure && (
        <div className="failure" role="alert">
          <p>{failure}</p>
          <button type="button" onClick={list.loadAgain}>
            Load again
          </button>
        </div>
      )}
      {next && (
        // It stays while the page is loaded, because a button that disappears loses the focus.
        <button type="button" aria-disabled={loading} onClick={() => loading || list.more()}>
          More customers
        </button>
      )}
    </section>
  );
}

const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function CustomerItem({ customer }: { customer: ListedCustomerFragment }) {
  const place = [customer.city, customer.country].filter(Boolean).join(", ");
  return (
    <li>
      <strong>{customer.name ?? customer.email}</strong>
      {customer.name != null && <span>{customer.email}</span>}
      {customer.description != null && <span className="text">{customer.description}</span>}
      <span className="quiet">
        {place && `${place} · `}
        <time dateTime={customer.createdAt}>{MOMENT.format(new Date(customer.createdAt))}</time>
      </span>
    </li>
  );
}
