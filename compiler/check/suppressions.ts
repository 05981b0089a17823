/** `suppress "A0402" "reason"`: silences a warning on the next declaration; what silences nothing is reported. */
import { diagnostic, primarySpan, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { isCode, registry } from "../diagnostics/registry.ts";
import type { File } from "../syntax/ast.ts";

/** The diagnostics that remain, with those about suppressions themselves. */
export function checkSuppressions(found: readonly Diagnostic[], files: readonly File[]): readonly Diagnostic[] {
  let left = found;
  const more: Diagnostic[] = [];
  for (const d of files.flatMap((f) => f.declarations)) {
    for (const { code } of d.suppress) {
      if (!isCode(code.value) || registry[code.value].severity !== "warning") {
        more.push(diagnostic("A0015", { at: code.span, code: code.value, known: isCode(code.value) }));
        continue;
      }
      const here = (item: Diagnostic): boolean => {
        const at = primarySpan(item);
        return item.code === code.value && at?.file.name === d.span.file.name && at.start >= d.span.start && at.end <= d.span.end;
      };
      if (!left.some(here)) more.push(diagnostic("A0014", { at: code.span, code: code.value }));
      left = left.filter((item) => !here(item));
    }
  }
  return [...left, ...more];
}
