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
      <main>
        <CustomerForm onCreated={add} />
        <CustomerList customers={customers} earlier={earlier} onLoadAgain={loadAgain} />
      </main>
    </>
  );
}
