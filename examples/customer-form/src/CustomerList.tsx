import type { ListedCustomerFragment } from "./generated/graphql";
import type { Earlier } from "./useCustomers";

interface Props {
  customers: ListedCustomerFragment[];
  earlier: Earlier;
  onLoadAgain: () => void;
}

/** The list of customers that this browser created. */
export function CustomerList({ customers, earlier, onLoadAgain }: Props) {
  return (
    <section className="list" aria-labelledby="list-heading" aria-busy={earlier === "loading"}>
      <h2 id="list-heading">Created in this browser</h2>
      <ul>
        {customers.map((customer) => (
          <CustomerItem key={customer.id} customer={customer} />
        ))}
      </ul>
      {earlier === "loading" && <p className="quiet">Loading…</p>}
      {earlier === "loaded" && customers.length === 0 && <p className="quiet">No customers yet.</p>}
      {typeof earlier === "object" && (
        <div className="failure" role="alert">
          <p>{earlier.failure}</p>
          <button type="button" onClick={onLoadAgain}>
            Load again
          </button>
        </div>
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
