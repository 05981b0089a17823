/**
 * Sites of a format that are chosen by the kind of a module, for methods that act inside attention or at a whole stack.
 *
 *     modules("Attention")                        every module of a kind (or in a role), in the order of the tree
 *     modules()                                   every module
 *     modules("Attention", "self_attn")           of those, the ones whose path ends like this
 *     matching(modules("Attention"), "dec.*")     those whose path an expression fits as a whole
 *     last(modules("Attention"), 2)               the last two
 *     model()                                     the base itself
 */
import { compileRegex } from "../../formats/python-regex.ts";
import type { Expr } from "../syntax/ast.ts";
import { FormatFault, type Datum } from "./adapter-format.ts";
import { hasKind } from "./method-binding.ts";
import { modulesOf, type ModuleInstance } from "./values.ts";

/** The modules an expression names; undefined when it is none of the above. */
export function kindSites(e: Expr, root: ModuleInstance, evaluate: (e: Expr) => Datum): readonly ModuleInstance[] | undefined {
  if (e.kind === "Parenthesized") return kindSites(e.of, root, evaluate);
  if (e.kind === "If") return kindSites(evaluate(e.condition) === true ? e.then : e.otherwise, root, evaluate);
  if (e.kind !== "Call" || e.callee.kind !== "Ref") return undefined;
  const args = e.args.map((a) => a.value);
  const [first, second] = args;
  const inner = (): readonly ModuleInstance[] => {
    const found = first && kindSites(first, root, evaluate);
    if (!found) throw new FormatFault(e.span, "does not name modules");
    return found;
  };
  switch (e.callee.name) {
    case "model":
      return [root];
    case "modules": {
      if (!first) return modulesOf(root);
      const kind = evaluate(first), suffix = second ? evaluate(second) : "";
      if (typeof kind !== "string" || typeof suffix !== "string") throw new FormatFault(e.span, "is written `modules(\"Attention\")`");
      return modulesOf(root).filter((m) => hasKind(m, kind) && m.key.endsWith(suffix));
    }
    case "matching": {
      const pattern = second && evaluate(second);
      const regex = typeof pattern === "string" ? compileRegex(pattern) : undefined;
      if (!regex || typeof regex === "string") throw new FormatFault(e.span, "is written `matching(modules(..), \"expression\")`");
      return inner().filter((m) => regex.fullmatch(m.key));
    }
    case "last": {
      const count = second && evaluate(second), all = inner();
      if (typeof count !== "number") throw new FormatFault(e.span, "is written `last(modules(..), 2)`");
      return count >= all.length ? all : all.slice(all.length - count);
    }
    default:
      return undefined;
  }
}
