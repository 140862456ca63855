import type { MouseEvent } from "react";

import { CustomerForm } from "./CustomerForm";
import { CustomerList } from "./CustomerList";
import { useCustomers } from "./useCustomers";

export function App() {
  const { customers, earlier, add, loadAgain } = useCustomers();

  return (
    <>
      <header>
        <h1>Customers</h1>
      </header>
      <main onMouseDown={keepFocus}>
        <CustomerForm onCreated={add} />
        <CustomerList customers={customers} earlier={earlier} onLoadAgain={loadAgain} />
      </main>
    </>
  );
}

/**
 * Leaves the focus where it is until the click: a field that is left may say what is wrong with it,
 * and what is pressed would move away from under the pointer.
 */
function keepFocus(event: MouseEvent) {
  if ((event.target as Element).closest("button, label")) event.preventDefault();
}
