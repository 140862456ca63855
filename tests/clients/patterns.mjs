// What each pattern of a file of JSON, [pattern, values], makes of its values: by the flags `u` and
// `v`, and as the attribute `pattern` of an <input>. With them, all that Unicode says to ignore.
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
