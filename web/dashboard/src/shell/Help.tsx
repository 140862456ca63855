import { Panel } from "./Panel";
import { useShortcutsAreOn } from "./shortcuts";

const KEYS = [
  ["/", "Search"],
  ["n", "Create a customer"],
  ["↑ ↓", "Move in the list"],
  ["Enter", "Open the customer"],
  ["c", "Copy the email address of the customer"],
  ["i", "Copy the id of the customer"],
  ["e", "Edit the open customer"],
  ["Enter", "Send the form"],
  ["Ctrl Enter", "Send the form from the description; on a Mac, ⌘ Enter"],
  ["Esc", "Close"],
  ["?", "Show this help"],
] as const;

export function Help({ onClose }: { onClose: () => void }) {
  const [on, setOn] = useShortcutsAreOn();
  return (
    <Panel title="Shortcuts" kind="box" onClose={onClose}>
      <dl className="keys">
        {KEYS.map(([key, text]) => (
          <div key={text}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <label className="check">
        <input type="checkbox" checked={on} onChange={(event) => setOn(event.target.checked)} />
        Single letters and signs are shortcuts
      </label>
    </Panel>
  );
}
