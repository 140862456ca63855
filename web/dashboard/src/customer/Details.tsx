import type { Customer } from "../api/customer";
import { useRules } from "../api/useRules";
import { FIELDS, GROUPS, SHOWN } from "../form/fields";
import { Time } from "../list/Time";
import { copy } from "../shell/copy";
import { Icon } from "../shell/Icon";

/** Every field of a customer with its label. */
export function Details({ customer }: { customer: Customer }) {
  const rules = useRules();
  return (
    <>
      {GROUPS.map((group) => (
        <section key={group} className="details">
          <h3>{group}</h3>
          <dl>
            {FIELDS.filter((name) => SHOWN[name].group === group).map((name) => (
              <div key={name}>
                <dt>{rules?.[name].label ?? " "}</dt>
                <dd>
                  {customer[name] ? <bdi>{customer[name]}</bdi> : <span className="missing">–</span>}
                  {name === "email" && <CopyButton text={customer.email} name="email address" />}
                </dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
      <section className="details">
        <h3>Record</h3>
        <dl>
          <div>
            <dt>Created</dt>
            <dd>
              <Time value={customer.createdAt} />
            </dd>
          </div>
          <div>
            <dt>Last changed</dt>
            <dd>
              <Time value={customer.updatedAt} />
            </dd>
          </div>
          <div>
            <dt>Version</dt>
            <dd>{customer.version}</dd>
          </div>
          <div>
            <dt>Id</dt>
            <dd>
              <code>{customer.id}</code>
              <CopyButton text={customer.id} name="id" />
            </dd>
          </div>
        </dl>
      </section>
    </>
  );
}

function CopyButton({ text, name }: { text: string; name: string }) {
  return (
    <button
      type="button"
      className="icon-button small"
      aria-label={`Copy the ${name}`}
      title={`Copy the ${name}`}
      onClick={() => void copy(text, name)}
    >
      <Icon name="copy" />
    </button>
  );
}
