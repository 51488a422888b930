// Validate an AsyncAPI document: node asyncapi.mjs <file>; prints its errors, exits 1 with any.
import { readFileSync } from "node:fs";
import parser from "@asyncapi/parser";

const found = await new parser.Parser().validate(readFileSync(process.argv[2], "utf8"));
const errors = found.filter((diagnostic) => diagnostic.severity === 0);
for (const error of errors) console.log(error.path.join("."), error.message);
process.exit(errors.length ? 1 : 0);
