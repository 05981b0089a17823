/**
 * The grammar of Adapt: one method a production, no actions. `grammar.md` shows the same as text; `expressions.ts`,
 * `types.ts` and `statements.ts` hold its other parts.
 *
 * The parser reads one item of a file at a time (`item`); `compiler/syntax/build.ts` cuts a file into items, so that a mistake
 * in one leaves the others whole.
 */
import type { CstNode, IToken } from "chevrotain";
import { free } from "./expressions.ts";
import { StatementGrammar } from "./statements.ts";
import * as t from "./tokens.ts";

const { Kw } = t;

export class AdaptParser extends StatementGrammar {
  constructor(validated = false) {
    super(validated);
    this.performSelfAnalysis();
  }

  // ---------------------------------------------------------------- items

  readonly item = this.RULE("item", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.edition) },
      { ALT: () => this.SUBRULE(this.use) },
      { ALT: () => this.SUBRULE(this.importing) },
      { ALT: () => this.SUBRULE(this.declaration) },
    ]);
  });

  private readonly edition = this.RULE("edition", () => {
    this.CONSUME(Kw.edition);
    this.CONSUME(t.NumberToken);
  });

  private readonly use = this.RULE("use", () => {
    this.CONSUME(Kw.use);
    this.CONSUME(t.Word);
    this.CONSUME(t.StringToken);
  });

  private readonly importing = this.RULE("importing", () => {
    this.CONSUME(Kw.import);
    this.CONSUME(t.LBrace);
    this.SUBRULE(this.importName);
    this.MANY({
      GATE: () => this.LA(2).tokenType !== t.RBrace,
      DEF: () => {
        this.CONSUME(t.Comma);
        this.SUBRULE2(this.importName);
      },
    });
    this.OPTION(() => this.CONSUME2(t.Comma));
    this.CONSUME(t.RBrace);
    this.CONSUME(Kw.from);
    this.CONSUME(t.StringToken);
  });

  private readonly importName = this.RULE("importName", () => {
    this.CONSUME(t.Word, { LABEL: "name" });
    this.OPTION(() => {
      this.CONSUME(Kw.as);
      this.CONSUME2(t.Word, { LABEL: "alias" });
    });
  });

  private readonly declaration = this.RULE("declaration", () => {
    this.MANY(() => this.OR([{ ALT: () => this.SUBRULE(this.attribute) }, { ALT: () => this.SUBRULE(this.suppress) }]));
    this.OPTION(() => this.CONSUME(Kw.export));
    this.OR2([
      { ALT: () => this.SUBRULE(this.valueDeclaration) },
      { ALT: () => this.SUBRULE(this.inputDeclaration) },
      { ALT: () => this.SUBRULE(this.letDeclaration) },
      { ALT: () => this.SUBRULE(this.router) },
      { ALT: () => this.SUBRULE(this.generator) },
      { ALT: () => this.SUBRULE(this.method) },
      { ALT: () => this.SUBRULE(this.merge) },
      { ALT: () => this.SUBRULE(this.architecture) },
      { ALT: () => this.SUBRULE(this.record) },
      { ALT: () => this.SUBRULE(this.enumeration) },
      { ALT: () => this.SUBRULE(this.fn) },
      { ALT: () => this.SUBRULE(this.format) },
    ]);
  });

  private readonly attribute = this.RULE("attribute", () => {
    this.CONSUME(t.At);
    this.CONSUME(t.Word);
    this.OPTION(() => this.SUBRULE(this.args));
  });

  private readonly suppress = this.RULE("suppress", () => {
    this.CONSUME(Kw.suppress);
    this.CONSUME(t.StringToken, { LABEL: "code" });
    this.CONSUME2(t.StringToken, { LABEL: "reason" });
  });

  // ---------------------------------------------------------------- declarations

  /** `base smol = ...`, `adapter law = ...`, `model m = ...` */
  private readonly valueDeclaration = this.RULE("valueDeclaration", () => {
    this.OR([
      { ALT: () => this.CONSUME(Kw.base) },
      { ALT: () => this.CONSUME(Kw.adapter) },
      { ALT: () => this.CONSUME(Kw.model) },
    ]);
    this.CONSUME(t.Word, { LABEL: "name" });
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expression, { ARGS: [free] });
  });

  private readonly inputDeclaration = this.RULE("inputDeclaration", () => {
    this.CONSUME(Kw.input);
    this.CONSUME(t.Word, { LABEL: "name" });
    this.CONSUME(t.Colon);
    this.SUBRULE(this.typeExpression);
  });

  private readonly letDeclaration = this.RULE("letDeclaration", () => {
    this.CONSUME(Kw.let);
    this.CONSUME(t.Word, { LABEL: "name" });
    this.OPTION(() => {
      this.CONSUME(t.Colon);
      this.SUBRULE(this.typeExpression);
    });
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expression, { ARGS: [free] });
  });

  private readonly router = this.RULE("router", () => {
    this.CONSUME(Kw.router);
    this.CONSUME(t.Word, { LABEL: "name" });
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.Equal);
          this.SUBRULE(this.expression, { ARGS: [free] });
        },
      },
      {
        ALT: () => {
          this.SUBRULE(this.params);
          this.OPTION(() => {
            this.CONSUME(Kw.over);
            this.CONSUME2(t.Word, { LABEL: "count" });
            this.OPTION2(() => this.CONSUME3(t.NameWord, { LABEL: "members" }));
          });
          this.OPTION3(() => {
            this.CONSUME(Kw.at);
            this.SUBRULE(this.binders);
          });
          this.SUBRULE(this.block);
        },
      },
    ]);
  });

  private readonly generator = this.RULE("generator", () => {
    this.CONSUME(Kw.generator);
    this.CONSUME(t.Word, { LABEL: "name" });
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.Equal);
          this.SUBRULE(this.expression, { ARGS: [free] });
        },
      },
      {
        ALT: () => {
          this.SUBRULE(this.params);
          this.OPTION(() => {
            this.CONSUME(Kw.over);
            this.SUBRULE(this.keyList);
          });
          this.OPTION2(() => {
            this.CONSUME(Kw.on);
            this.SUBRULE(this.binder);
          });
          this.SUBRULE(this.block);
        },
      },
    ]);
  });

  private readonly keyList = this.RULE("keyList", () => {
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.param) });
  });

  private readonly method = this.RULE("method", () => {
    this.CONSUME(Kw.method);
    this.CONSUME(t.Word, { LABEL: "name" });
    this.SUBRULE(this.params);
    this.OPTION(() => {
      this.CONSUME(Kw.over);
      this.CONSUME2(t.NameWord, { LABEL: "count" });
      this.CONSUME3(t.NameWord, { LABEL: "members" });
    });
    this.CONSUME(Kw.on);
    this.SUBRULE(this.binder);
    this.OPTION2(() => {
      this.CONSUME(Kw.reading);
      this.SUBRULE(this.binders);
    });
    this.SUBRULE(this.block);
  });

  private readonly merge = this.RULE("merge", () => {
    this.CONSUME(Kw.merge);
    this.CONSUME(t.Word, { LABEL: "name" });
    this.SUBRULE(this.params);
    this.CONSUME(Kw.over);
    this.CONSUME(t.NameWord, { LABEL: "count" });
    this.CONSUME2(t.NameWord, { LABEL: "space" });
    this.CONSUME3(t.NameWord, { LABEL: "member" });
    this.OPTION(() => {
      this.CONSUME(Kw.with);
      this.CONSUME4(t.NameWord, { LABEL: "weightsWord" });
      this.CONSUME5(t.NameWord, { LABEL: "weights" });
    });
    this.SUBRULE(this.block);
  });

  /** `architecture Llama(c: LlamaConfig): CausalLM { ... }`, `module Block[D](c: Config) { ... }` */
  private readonly architecture = this.RULE("architecture", () => {
    this.OR([{ ALT: () => this.CONSUME(Kw.architecture) }, { ALT: () => this.CONSUME(Kw.module) }]);
    this.CONSUME(t.Word, { LABEL: "name" });
    this.OPTION(() => this.SUBRULE(this.dimParams));
    this.OPTION2(() => this.SUBRULE(this.params));
    this.OPTION3(() => {
      this.CONSUME(t.Colon);
      this.SUBRULE(this.typeExpression);
    });
    this.SUBRULE(this.block);
  });

  private readonly record = this.RULE("record", () => {
    this.CONSUME(Kw.record);
    this.CONSUME(t.Word, { LABEL: "name" });
    this.SUBRULE(this.block);
  });

  private readonly enumeration = this.RULE("enumeration", () => {
    this.CONSUME(Kw.enum);
    this.CONSUME(t.Word, { LABEL: "name" });
    this.CONSUME(t.LBrace);
    this.MANY(() => {
      this.CONSUME2(t.Word, { LABEL: "case" });
      this.OPTION(() => this.CONSUME(t.Comma));
    });
    this.CONSUME(t.RBrace);
  });

  private readonly fn = this.RULE("fn", () => {
    this.OPTION(() => this.CONSUME(Kw.extern));
    this.CONSUME(Kw.fn);
    this.CONSUME(t.Word, { LABEL: "name" });
    this.OPTION2(() => this.SUBRULE(this.dimParams));
    this.SUBRULE(this.params);
    this.OPTION3(() => {
      this.CONSUME(t.Arrow);
      this.SUBRULE(this.typeExpression);
    });
    this.OPTION4(() =>
      this.OR([
        {
          ALT: () => {
            this.CONSUME(t.Equal);
            this.SUBRULE(this.expression, { ARGS: [free] });
          },
        },
        { ALT: () => this.SUBRULE(this.block) },
      ]),
    );
  });

  private readonly format = this.RULE("format", () => {
    this.CONSUME(Kw.format);
    this.CONSUME(t.Word, { LABEL: "name" });
    this.CONSUME(Kw.for);
    this.CONSUME2(t.Word, { LABEL: "target" });
    this.SUBRULE(this.block);
  });
}

/** One parser, reused: making it analyses the grammar. */
const parser = new AdaptParser();

/** A token the grammar does not allow where it stands. */
export interface Mistake {
  /** The token found; its type is `EOF` at the end of the item. */
  readonly found: IToken;
  readonly previous: IToken | undefined;
  /** Names of the token types that could stand here; empty when the item was complete before `found`. */
  readonly expected: readonly string[];
  /** The productions being read, outermost first. */
  readonly rules: readonly string[];
}

/** A concrete tree, and what the parser could not accept in it, first mistake first. */
export interface Read { readonly cst: CstNode | undefined; readonly mistakes: readonly Mistake[] }

/** The tree of one item. */
export const parseItem = (tokens: IToken[]): Read => read(tokens, () => parser.item());

/** The tree of one statement of a block. */
export const parseStatement = (tokens: IToken[]): Read => read(tokens, () => parser.statement());

function read(tokens: IToken[], rule: () => unknown): Read {
  parser.input = tokens;
  const cst = rule() as CstNode | undefined;
  const mistakes = parser.errors.map((error) => {
    const index = tokens.indexOf(error.token);
    return {
      found: error.token,
      previous: index < 0 ? tokens[tokens.length - 1] : tokens[index - 1],
      expected: error.message === "" ? [] : error.message.split(" "),
      rules: error.context.ruleStack,
    };
  });
  return { cst, mistakes };
}
