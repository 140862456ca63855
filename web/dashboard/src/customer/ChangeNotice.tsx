import type { Customer } from "../api/customer";
import type { Change } from "../live/news";

interface Props {
  change: Change | undefined;
  forChanged: { text: string; onPress: (current: Customer) => void };
  forDeleted: { text: string; onPress: () => void };
}

/** Says that another person has changed or deleted the open customer, and offers what to do. */
export function ChangeNotice({ change, forChanged, forDeleted }: Props) {
  const isDeleted = change === "deleted";
  return (
    <div className="change-notice">
      <p role="status">
        {change && `Another person has ${isDeleted ? "deleted" : "changed"} this customer.`}
      </p>
      {change && (
        <button
          type="button"
          onClick={() => (isDeleted ? forDeleted.onPress() : forChanged.onPress(change))}
        >
          {isDeleted ? forDeleted.text : forChanged.text}
        </button>
      )}
    </div>
  );
}
