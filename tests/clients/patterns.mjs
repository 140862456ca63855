// Prints whether each pattern of a JSON file, [pattern, values], matches its values: with the flags
// `u` and `v`, and as the attribute `pattern` of an <input>. Also prints the code points that Unicode
// ignores by default.
import { readFile } from "node:fs/promises";

const cases = JSON.parse(await readFile(process.argv[2], "utf8"));
const matches = cases.map(([pattern, values]) =>
  [new RegExp(pattern, "u"), new RegExp(pattern, "v"), new RegExp(`^(?:${pattern})$`, "v")].map(
    (compiled) => values.map((value) => compiled.test(value)),
  ),
);
const ignorable = [];
for (let code = 0; code < 0x110000; code++) {
  if (/\p{Default_Ignorable_Code_Point}/u.test(String.fromCodePoint(code))) ignorable.push(code);
}
console.log(JSON.stringify({ matches, ignorable }));
