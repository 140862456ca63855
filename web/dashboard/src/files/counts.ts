// Numbers of rows and customers, as people read them.

export const number = (count: number) => count.toLocaleString("en");

export function rowsInWords(rows: number): string {
  return `${number(rows)} ${rows === 1 ? "row" : "rows"}`;
}

export function customersInWords(customers: number): string {
  return `${number(customers)} ${customers === 1 ? "customer" : "customers"}`;
}
