import type { MouseEvent } from "react";

import { CustomerForm } from "./CustomerForm";
import { CustomerList } from "./CustomerList";
import { useCustomers } from "./useCustomers";

export function App() {
  const list = useCustomers();

  return (
    <>
      <header>
        <h1>Customers</h1>
      </header>
      <main onMouseDown={keepFocus}>
        <CustomerForm onCreated={list.renew} />
        <CustomerList list={list} />
      </main>
    </>
  );
}

/**
 * Keeps the focus in the field until the click. Otherwise the field would lose the focus when the
 * pointer is pressed, its error could appear, and the button would move away from the pointer.
 */
function keepFocus(event: MouseEvent) {
  if ((event.target as Element).closest("button, label")) event.preventDefault();
}
