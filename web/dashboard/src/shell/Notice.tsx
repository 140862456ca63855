import type { ReactNode } from "react";

import { Icon } from "./Icon";

interface Props {
  icon: Parameters<typeof Icon>[0]["name"];
  title: string;
  children?: ReactNode;
}

/** What the page shows in place of something that is not there. */
export function Notice({ icon, title, children }: Props) {
  return (
    <section className="notice">
      <span className="notice-icon">
        <Icon name={icon} />
      </span>
      <h2>{title}</h2>
      {children}
    </section>
  );
}
