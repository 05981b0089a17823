/**
 * The syntax tree of a `.adapt` file: plain data, one discriminated union, a span on every node.
 *
 * `build.ts` makes it from the concrete tree, `format.ts` prints it, `check/` gives it meaning. One expression
 * grammar serves tensor equations, compositions, selectors and values; the checker says what is allowed where.
 */
import type { Span } from "../base/source.ts";

export interface Name { readonly text: string; readonly span: Span }

export interface File {
  readonly kind: "File";
  readonly span: Span;
  readonly edition?: { readonly year: number; readonly span: Span };
  readonly experiments: readonly StringLit[];
  readonly imports: readonly Import[];
  readonly declarations: readonly Declaration[];
}

export interface Import {
  readonly kind: "Import";
  readonly span: Span;
  readonly names: readonly { readonly name: Name; readonly as?: Name }[];
  readonly from: StringLit;
}

// ---------------------------------------------------------------- declarations

interface DeclCommon {
  readonly span: Span;
  readonly name: Name;
  readonly doc?: string;
  readonly exported: boolean;
  readonly attributes: readonly Attribute[];
  readonly suppress: readonly { readonly code: StringLit; readonly reason: StringLit; readonly span: Span }[];
}
/** `@doc("...")`: for tools, without effect on a plan. */
export interface Attribute { readonly name: Name; readonly args: readonly Argument[]; readonly span: Span }

export type Declaration = DeclCommon &
  (
    // a user's program
    | { readonly kind: "Base"; readonly value: Expr }
    | { readonly kind: "Adapter"; readonly value: Expr }
    | { readonly kind: "Model"; readonly value: Expr }
    | { readonly kind: "Input"; readonly type: TypeExpr }
    | { readonly kind: "Let"; readonly type?: TypeExpr; readonly value: Expr }
    /** `router gate = top_k(k: 2) per token at each site from "./gate"`; also `generator g = ... on ... from ...` */
    | { readonly kind: "RouterInstance"; readonly value: Expr }
    | { readonly kind: "GeneratorInstance"; readonly value: Expr }
    // the library
    | {
        readonly kind: "Method"; readonly params: readonly Param[]; readonly on: Binder;
        readonly reading: readonly Binder[]; readonly body: Block;
        /** `over N adapters`: it joins what other adapters make of the value it is on. */
        readonly over?: { readonly count: Name; readonly members: Name };
      }
    /** `router top_k(k: Int) over N adapters at x: Hidden[D] { ... }` */
    | {
        readonly kind: "RouterDecl"; readonly params: readonly Param[]; readonly count?: Name;
        readonly members?: Name; readonly at: readonly Binder[]; readonly body: Block;
      }
    /** `merge ties(...) over N deltas t with weights w { ... }`; space: "deltas" | "factors" | "weights" */
    | {
        readonly kind: "Merge"; readonly params: readonly Param[]; readonly count: Name; readonly space: Name;
        readonly member: Name; readonly weights?: Name; readonly body: Block;
      }
    /** `generator HyperFormer(tasks: Int) over key: Int on m: Bottleneck { ... }` */
    | {
        readonly kind: "GeneratorDecl"; readonly params: readonly Param[]; readonly keys: readonly Param[];
        readonly on?: Binder; readonly body: Block;
      }
    /** `architecture Decoder(c: Config): CausalLM { ... }` */
    | ({ readonly kind: "Architecture" } & ModuleLike)
    /** `module Block[D](c: Config) { ... }` */
    | ({ readonly kind: "Module" } & ModuleLike)
    | { readonly kind: "Record"; readonly body: Block }
    | { readonly kind: "Enum"; readonly cases: readonly Name[] }
    /** `fn silu(x: [...]) -> [...] = x * sigmoid(x)`, or with a block whose last `result = ...` is the value */
    | {
        readonly kind: "Function"; readonly extern: boolean; readonly dims: readonly DimParam[]; readonly params: readonly Param[];
        readonly result?: TypeExpr; readonly value?: Expr; readonly body?: Block;
      }
    /** `format disk for Low { ... }`: how files on disk map to a declaration */
    | { readonly kind: "Format"; readonly target: Name; readonly body: Block }
    /**
     * A declaration that did not parse; it was reported, and the rest of the file is still checked. `word` is the keyword it began
     * with, and its name (empty when there was none) still stands for something, so that uses of it are not reported again.
     */
    | { readonly kind: "Broken"; readonly word: string }
  );
interface ModuleLike {
  readonly dims: readonly DimParam[]; readonly params: readonly Param[]; readonly role?: TypeExpr; readonly body: Block;
}
export type DeclarationKind = Declaration["kind"];
export type DeclarationOf<K extends DeclarationKind> = Extract<Declaration, { kind: K }>;

/** `rank: Int 1..`, `alpha: Float = rank` */
export interface Param { readonly name: Name; readonly type?: TypeExpr; readonly default?: Expr; readonly span: Span }
/** `[I -> O]` gives two with `arrow` on the second. */
export interface DimParam { readonly name: Name; readonly arrow: boolean; readonly span: Span }
/** `w: Linear[I -> O]`, `y: output of Linear[I -> O]`: a name bound to a site or to one of its ports. */
export interface Binder { readonly name: Name; readonly port?: Name; readonly type: TypeExpr; readonly span: Span }

// ---------------------------------------------------------------- statements of a library body

export interface Block { readonly statements: readonly Statement[]; readonly span: Span }

export type Statement = { readonly span: Span; readonly doc?: string } & (
  /** `param A: [rank, I] init kaiming if cond`; `init` is a name or call */
  | { readonly kind: "ParamStmt"; readonly name: Name; readonly type: TypeExpr; readonly init?: Expr; readonly condition?: Expr }
  | { readonly kind: "LetStmt"; readonly names: readonly Name[]; readonly type?: TypeExpr; readonly value: Expr }
  /** `delta w = E`, `y = y + E`, `k, v = A, B`, `weights = ...`, `rank = ...` in a format */
  | { readonly kind: "AssignStmt"; readonly delta: boolean; readonly targets: readonly Expr[]; readonly values: readonly Expr[] }
  /** `model.layers: Block(c)[n]`, `lm_head: Linear[D -> V] = tied(x) if c.tie`; a config field `rope_theta: Float = 10000` in a record; `layer[0]: X` is an element of a list */
  | { readonly kind: "MemberStmt"; readonly path: readonly Name[]; readonly index?: NumberLit; readonly type: TypeExpr; readonly value?: Expr; readonly condition?: Expr }
  /** `forward(input_ids: Token[B, S]) -> logits: [B, S, V] { ... }`; other names make further entry points */
  | { readonly kind: "ForwardStmt"; readonly name: Name; readonly dims: readonly DimParam[]; readonly params: readonly Param[]; readonly results: readonly Param[]; readonly body: Block }
  | { readonly kind: "ForStmt"; readonly names: readonly Name[]; readonly over: Expr; readonly body: Block }
  | { readonly kind: "IfStmt"; readonly condition: Expr; readonly then: Block; readonly otherwise?: Block }
  /** `require D % h == 0 else "message"` */
  | { readonly kind: "RequireStmt"; readonly condition: Expr; readonly message?: Expr }
  /** A word and operands the checker of that declaration knows: `reads "LlamaForCausalLM"`, `ignores a, b`, `tensor A = "..."`, `port q = x`; the word `...` stands for statements left out */
  | { readonly kind: "ClauseStmt"; readonly word: Name; readonly operands: readonly Expr[]; readonly value?: Expr; readonly condition?: Expr }
);
export type StatementKind = Statement["kind"];
export type StatementOf<K extends StatementKind> = Extract<Statement, { kind: K }>;

// ---------------------------------------------------------------- types

export type TypeExpr = { readonly span: Span } & (
  /** `Int`, `Linear[I -> O](bias: true)`, `Token[B, S]`, `RMSNorm[D](eps)`, `Block(c)`; `count` for `Block(c)[n]` */
  | {
      readonly kind: "NamedType"; readonly name: Name; readonly dims: readonly DimArg[]; readonly args: readonly Argument[];
      readonly range?: Expr; readonly count?: Expr; readonly optional: boolean;
    }
  /** `[rank, I]`, `[..., D] f16`, `[H, _]` */
  | { readonly kind: "ShapeType"; readonly dims: readonly DimArg[]; readonly dtype?: Name }
);
export interface DimArg { readonly kind: "dim" | "rest" | "any"; readonly value?: Expr; readonly arrow: boolean; readonly span: Span }

// ---------------------------------------------------------------- expressions

export interface NumberLit { readonly kind: "Number"; readonly value: number; readonly text: string; readonly unit?: string; readonly span: Span }
export interface StringLit { readonly kind: "String"; readonly value: string; readonly span: Span }
export interface Argument { readonly name?: Name; readonly value: Expr; readonly span: Span }

export type BinaryOperator =
  | "+" | "-" | "*" | "/" | "@" | "%" | "**" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "and" | "or" | "??" | "in";

export type Expr =
  | NumberLit
  | StringLit
  | ({ readonly span: Span } & (
      | { readonly kind: "Bool"; readonly value: boolean }
      | { readonly kind: "None" }
      | { readonly kind: "Ref"; readonly name: string }
      | { readonly kind: "Member"; readonly of: Expr; readonly name: Name }
      /** `self_attn.{q_proj, v_proj}` */
      | { readonly kind: "MemberSet"; readonly of: Expr; readonly names: readonly Name[] }
      /** `x[i]`, `layers[*]`, `layers[8..]`, `layers[* except 0]`, `x[.., 0]` */
      | { readonly kind: "Index"; readonly of: Expr; readonly items: readonly IndexItem[] }
      /** `f(x, k: 2)`; `base y`, a port's unadapted value, is a call of `base` */
      | { readonly kind: "Call"; readonly callee: Expr; readonly args: readonly Argument[] }
      /** `route(gate) { law, code }`: entries are arguments, name optional */
      | { readonly kind: "Braced"; readonly head: Expr; readonly entries: readonly Argument[] }
      /** Braces without a head: the members of `of { law: 1.0, code }`, `except {0, 3}` */
      | { readonly kind: "Braces"; readonly entries: readonly Argument[] }
      | { readonly kind: "List"; readonly items: readonly Expr[] }
      /** `[P; k]`: joined along the token axis */
      | { readonly kind: "Join"; readonly items: readonly Expr[] }
      | { readonly kind: "Range"; readonly from?: Expr; readonly to?: Expr; readonly inclusive: boolean }
      | { readonly kind: "Unary"; readonly op: "-" | "not"; readonly of: Expr }
      | { readonly kind: "Binary"; readonly op: BinaryOperator; readonly left: Expr; readonly right: Expr }
      | { readonly kind: "If"; readonly condition: Expr; readonly then: Expr; readonly otherwise: Expr }
      | { readonly kind: "Switch"; readonly key: Expr; readonly arms: readonly SwitchArm[] }
      /** `sum(kept where agree)` */
      | { readonly kind: "Where"; readonly of: Expr; readonly mask: Expr }
      /** `each t: w * t` */
      | { readonly kind: "Each"; readonly names: readonly Name[]; readonly body: Expr }
      | { readonly kind: "Parenthesized"; readonly of: Expr }
      // composition
      | { readonly kind: "With"; readonly model: Expr; readonly adapters: Expr }
      | { readonly kind: "Then"; readonly first: Expr; readonly second: Expr }
      /** `<adapter or merge> on <selector>`, `reading <selector>`, `from "dir"` (with `as dtype`) */
      | { readonly kind: "On"; readonly what: Expr; readonly sites: Expr; readonly reading?: Expr }
      | { readonly kind: "From"; readonly what: Expr; readonly path: StringLit; readonly as?: Name }
      | { readonly kind: "Of"; readonly what: Expr; readonly members: Expr }
      | { readonly kind: "RelativeTo"; readonly what: Expr; readonly base: Expr }
      /** `per token`, `every 2 steps`, `at each site`, `at <selector>`, `per layer`, `once`, `from pass` ("earlier pass") */
      | { readonly kind: "Timing"; readonly what: Expr; readonly every?: Expr; readonly unit: Name }
      | { readonly kind: "At"; readonly what: Expr; readonly where: "each site" | "once" | "earlier pass" | Expr }
      | { readonly kind: "BrokenExpr" }
    ));
export type ExprKind = Expr["kind"];
export type ExprOf<K extends ExprKind> = Extract<Expr, { kind: K }>;

export type IndexItem = { readonly span: Span } & (
  | { readonly kind: "Each" ; readonly except: readonly Expr[] }
  | { readonly kind: "At"; readonly value: Expr; readonly except: readonly Expr[] }
);
export interface SwitchArm { readonly pattern: Expr | "_"; readonly value: Expr; readonly span: Span }
