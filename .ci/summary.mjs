// Prints the tests that were skipped and those that failed, and a last line with the count.
//   node .ci/summary.mjs REPORT STATUS      STATUS: exit code of the test command
import { readFileSync } from "node:fs";

const [file, status] = process.argv.slice(2);
let report;
try {
  report = JSON.parse(readFileSync(file, "utf8"));
} catch {
  console.log("The test command ended before any test ran.");
  console.log("0 passed, 1 failed");
  process.exit(1);
}
const tests = report.testResults.flatMap((f) => f.assertionResults.map((t) => ({ ...t, file: f.name })));
const count = (...states) => tests.filter((t) => states.includes(t.status)).length;
// A file that does not load has no tests of its own and counts as one failure.
const broken = report.testResults.filter((f) => f.status === "failed" && !f.assertionResults.some((t) => t.status === "failed"));
const passed = count("passed"), skipped = count("skipped", "pending", "todo", "disabled");
let failed = count("failed") + broken.length;
if (failed === 0 && status !== "0") {
  console.log(`The test command ended with exit code ${status}.`);
  failed = 1;
}
for (const t of tests.filter((t) => ["skipped", "pending", "todo", "disabled"].includes(t.status))) console.log(`skipped: ${t.fullName}`);
for (const t of tests.filter((t) => t.status === "failed")) console.log(`failed: ${t.fullName}: ${(t.failureMessages[0] ?? "").split("\n")[0]}`);
for (const f of broken) console.log(`failed: ${f.name}: ${(f.message ?? "").split("\n")[0]}`);
console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
