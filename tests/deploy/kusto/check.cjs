// Reads {tables, queries} from standard input and writes what the language service of Kusto says of each query.
const { readFileSync } = require("fs");

globalThis.window = globalThis; // the library is made for browsers
require("@kusto/language-service-next/bridge.min.js");
require("@kusto/language-service-next/Kusto.Language.Bridge.min.js");

const { GlobalState, KustoCode, Symbols } = Kusto.Language;
const { tables, queries } = JSON.parse(readFileSync(0, "utf8"));

const symbols = Object.entries(tables).map(([name, columns]) => Symbols.TableSymbol.From(columns).WithName(name));
const workspace = new Symbols.DatabaseSymbol.$ctor3("workspace", null, System.Array.init(symbols, Symbols.Symbol), false);
const globals = GlobalState.Default.WithDatabase(workspace);

function complaints(query) {
  const found = KustoCode.ParseAndAnalyze(query, globals).GetDiagnostics();
  return Array.from({ length: System.Array.getCount(found) }, (_, index) => System.Array.getItem(found, index).Message);
}

const said = Object.entries(queries).map(([name, query]) => [name, complaints(query)]);
process.stdout.write(JSON.stringify(Object.fromEntries(said)));
