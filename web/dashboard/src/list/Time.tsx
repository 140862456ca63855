const SHORT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const LONG = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

/** A time in the language and the time zone of the browser. */
export function Time({ value }: { value: string }) {
  const time = new Date(value);
  return (
    <time dateTime={value} title={LONG.format(time)}>
      {SHORT.format(time)}
    </time>
  );
}
