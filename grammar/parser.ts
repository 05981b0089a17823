/**
 * The grammar of Adapt: one method a production, no actions. `grammar.md` shows the same as text.
 *
 * The parser reads one item of a file at a time (`item`); `compiler/syntax/build.ts` cuts a file into items, so that a mistake
 * in one leaves the others whole. Line breaks matter where a gate asks whether a token stands on the line of
 * the one before it: brackets that continue an expression, a closing `if`, the end of an open range, and the next statement.
 */
import { CstParser, EOF, tokenMatcher, type CstNode, type IParserErrorMessageProvider, type IToken, type TokenType } from "chevrotain";
import * as t from "./tokens.ts";

const { Kw } = t;

/** What an expression may not contain at its outer level: a brace ends a condition, `then` ends the condition of `if`. */
export interface Limits {
  readonly braces: boolean;
  readonly then: boolean;
}
const free: Limits = { braces: true, then: true };
const head: Limits = { braces: false, then: true };
const condition: Limits = { braces: true, then: false };

type StatementStart = "param" | "let" | "for" | "if" | "require" | "delta" | "forward" | "member" | "clause" | "assign";

const infix: readonly TokenType[] = [
  Kw.with, Kw.then, Kw.where, t.Coalesce, Kw.or, Kw.and, t.EqualEqual, t.NotEqual, t.Less, t.LessEqual, t.Greater, t.GreaterEqual,
  Kw.in, t.Plus, t.Minus, t.Star, t.Slash, t.At, t.Percent, t.StarStar,
];
const expressionStart: readonly TokenType[] = [
  t.NumberToken, t.StringToken, t.NameWord, Kw.true, Kw.false, Kw.none, Kw.if, Kw.switch, Kw.not, t.Minus, t.LParen, t.LBracket, t.LBrace,
];

/** The parser's messages are the names of the expected token types: wording is for `compiler/syntax/explain.ts`. */
const expectedTokens: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected }) => expected.name,
  buildNotAllInputParsedMessage: () => "",
  buildNoViableAltMessage: ({ expectedPathsPerAlt }) => firstNames(expectedPathsPerAlt.flat()),
  buildEarlyExitMessage: ({ expectedIterationPaths }) => firstNames(expectedIterationPaths),
};

function firstNames(paths: TokenType[][]): string {
  return [...new Set(paths.flatMap((path) => (path[0] ? [path[0].name] : [])))].join(" ");
}

export class AdaptParser extends CstParser {
  constructor() {
    super(t.allTokens, { recoveryEnabled: true, nodeLocationTracking: "full", maxLookahead: 2, errorMessageProvider: expectedTokens });
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
    this.CONSUME(Kw.on);
    this.SUBRULE(this.binder);
    this.OPTION(() => {
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

  // ---------------------------------------------------------------- parts of declarations

  private readonly params = this.RULE("params", () => {
    this.CONSUME(t.LParen);
    this.OPTION(() => {
      this.SUBRULE(this.param);
      this.MANY({
        GATE: () => this.LA(2).tokenType !== t.RParen,
        DEF: () => {
          this.CONSUME(t.Comma);
          this.SUBRULE2(this.param);
        },
      });
      this.OPTION2(() => this.CONSUME2(t.Comma));
    });
    this.CONSUME(t.RParen);
  });

  private readonly param = this.RULE("param", () => {
    this.CONSUME(t.Word);
    this.OPTION(() => {
      this.CONSUME(t.Colon);
      this.SUBRULE(this.typeExpression);
    });
    this.OPTION2(() => {
      this.CONSUME(t.Equal);
      this.SUBRULE(this.expression, { ARGS: [free] });
    });
  });

  private readonly dimParams = this.RULE("dimParams", () => {
    this.CONSUME(t.LBracket);
    this.CONSUME(t.Word);
    this.MANY(() => {
      this.OR([{ ALT: () => this.CONSUME(t.Comma) }, { ALT: () => this.CONSUME(t.Arrow) }]);
      this.CONSUME2(t.Word);
    });
    this.CONSUME(t.RBracket);
  });

  private readonly binders = this.RULE("binders", () => {
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.binder) });
  });

  private readonly binder = this.RULE("binder", () => {
    this.CONSUME(t.Word, { LABEL: "name" });
    this.CONSUME(t.Colon);
    this.OPTION({
      GATE: () => this.LA(2).tokenType === Kw.of,
      DEF: () => {
        this.CONSUME2(t.Word, { LABEL: "port" });
        this.CONSUME(Kw.of);
      },
    });
    this.SUBRULE(this.typeExpression);
  });

  // ---------------------------------------------------------------- statements

  private readonly block = this.RULE("block", () => {
    this.CONSUME(t.LBrace);
    this.MANY({
      GATE: () => this.LA(0).tokenType === t.LBrace || !this.onSameLine(),
      DEF: () => this.SUBRULE(this.statement),
    });
    this.CONSUME(t.RBrace);
  });

  private readonly statement = this.RULE("statement", () => {
    let start: StatementStart | undefined;
    const is = (wanted: StatementStart) => (): boolean => (start ??= this.statementStart()) === wanted;
    this.OR({
      IGNORE_AMBIGUITIES: true,
      DEF: [
        { GATE: is("param"), ALT: () => this.SUBRULE(this.paramStatement) },
        { GATE: is("let"), ALT: () => this.SUBRULE(this.letStatement) },
        { GATE: is("for"), ALT: () => this.SUBRULE(this.forStatement) },
        { GATE: is("if"), ALT: () => this.SUBRULE(this.ifStatement) },
        { GATE: is("require"), ALT: () => this.SUBRULE(this.requireStatement) },
        { GATE: is("forward"), ALT: () => this.SUBRULE(this.forwardStatement) },
        { GATE: is("member"), ALT: () => this.SUBRULE(this.memberStatement) },
        { GATE: is("clause"), ALT: () => this.SUBRULE(this.clauseStatement) },
        { GATE: () => is("assign")() || is("delta")(), ALT: () => this.SUBRULE(this.assignStatement) },
      ],
    });
  });

  private readonly paramStatement = this.RULE("paramStatement", () => {
    this.CONSUME(Kw.param);
    this.CONSUME(t.Word, { LABEL: "name" });
    this.CONSUME(t.Colon);
    this.SUBRULE(this.typeExpression);
    this.OPTION({
      GATE: () => this.LA(1).image === "init" && this.onSameLine(),
      DEF: () => {
        this.CONSUME(t.Identifier, { LABEL: "init" });
        this.SUBRULE(this.expression, { ARGS: [free] });
      },
    });
    this.OPTION2({ GATE: () => this.onSameLine(), DEF: () => this.SUBRULE(this.onlyIf) });
  });

  private readonly letStatement = this.RULE("letStatement", () => {
    this.CONSUME(Kw.let);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.CONSUME(t.Word, { LABEL: "name" }) });
    this.OPTION(() => {
      this.CONSUME(t.Colon);
      this.SUBRULE(this.typeExpression);
    });
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expression, { ARGS: [free] });
  });

  private readonly assignStatement = this.RULE("assignStatement", () => {
    this.OPTION({ GATE: () => this.statementStart() === "delta", DEF: () => this.CONSUME(Kw.delta) });
    this.SUBRULE(this.postfix, { ARGS: [free], LABEL: "target" });
    this.MANY(() => {
      this.CONSUME(t.Comma);
      this.SUBRULE2(this.postfix, { ARGS: [free], LABEL: "target" });
    });
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expression, { ARGS: [free], LABEL: "value" });
    this.MANY2(() => {
      this.CONSUME2(t.Comma);
      this.SUBRULE2(this.expression, { ARGS: [free], LABEL: "value" });
    });
  });

  private readonly memberStatement = this.RULE("memberStatement", () => {
    this.AT_LEAST_ONE_SEP({ SEP: t.Dot, DEF: () => this.CONSUME(t.Word) });
    this.CONSUME(t.Colon);
    this.SUBRULE(this.typeExpression);
    this.OPTION(() => {
      this.CONSUME(t.Equal);
      this.SUBRULE(this.expression, { ARGS: [free] });
    });
    this.OPTION2({ GATE: () => this.onSameLine(), DEF: () => this.SUBRULE(this.onlyIf) });
  });

  private readonly forwardStatement = this.RULE("forwardStatement", () => {
    this.CONSUME(t.Word, { LABEL: "name" });
    this.OPTION(() => this.SUBRULE(this.dimParams));
    this.SUBRULE(this.params);
    this.OPTION2(() => {
      this.CONSUME(t.Arrow);
      this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.result) });
    });
    this.SUBRULE(this.block);
  });

  /** `logits: [B, S, V]`, or a type alone. */
  private readonly result = this.RULE("result", () => {
    this.OPTION({
      GATE: () => this.LA(2).tokenType === t.Colon,
      DEF: () => {
        this.CONSUME(t.Word, { LABEL: "name" });
        this.CONSUME(t.Colon);
      },
    });
    this.SUBRULE(this.typeExpression);
  });

  private readonly forStatement = this.RULE("forStatement", () => {
    this.CONSUME(Kw.for);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.CONSUME(t.Word, { LABEL: "name" }) });
    this.CONSUME(Kw.in);
    this.SUBRULE(this.expression, { ARGS: [head] });
    this.SUBRULE(this.block);
  });

  private readonly ifStatement = this.RULE("ifStatement", () => {
    this.CONSUME(Kw.if);
    this.SUBRULE(this.expression, { ARGS: [head] });
    this.SUBRULE(this.block, { LABEL: "then" });
    this.OPTION(() => {
      this.CONSUME(Kw.else);
      this.OR([
        { ALT: () => this.SUBRULE(this.ifStatement, { LABEL: "elseIf" }) },
        { ALT: () => this.SUBRULE2(this.block, { LABEL: "else" }) },
      ]);
    });
  });

  private readonly requireStatement = this.RULE("requireStatement", () => {
    this.CONSUME(Kw.require);
    this.SUBRULE(this.expression, { ARGS: [free], LABEL: "condition" });
    this.OPTION(() => {
      this.CONSUME(Kw.else);
      this.SUBRULE2(this.expression, { ARGS: [free], LABEL: "message" });
    });
  });

  /** `reads "LlamaForCausalLM"`, `ignores a, b`, `tensor A = "..."`; `...` stands for what is left out. */
  private readonly clauseStatement = this.RULE("clauseStatement", () => {
    this.OR([{ ALT: () => this.CONSUME(t.Word, { LABEL: "word" }) }, { ALT: () => this.CONSUME(t.Ellipsis, { LABEL: "word" }) }]);
    this.OPTION({
      GATE: () => this.onSameLine(),
      DEF: () => {
        this.SUBRULE(this.expression, { ARGS: [free], LABEL: "operand" });
        this.MANY(() => {
          this.CONSUME(t.Comma);
          this.SUBRULE2(this.expression, { ARGS: [free], LABEL: "operand" });
        });
      },
    });
    this.OPTION2(() => {
      this.CONSUME(t.Equal);
      this.SUBRULE3(this.expression, { ARGS: [free], LABEL: "value" });
    });
    this.OPTION3({ GATE: () => this.onSameLine(), DEF: () => this.SUBRULE(this.onlyIf) });
  });

  private readonly onlyIf = this.RULE("onlyIf", () => {
    this.CONSUME(Kw.if);
    this.SUBRULE(this.expression, { ARGS: [free] });
  });

  // ---------------------------------------------------------------- types

  private readonly typeExpression = this.RULE("typeExpression", () => {
    this.OR([{ ALT: () => this.SUBRULE(this.namedType) }, { ALT: () => this.SUBRULE(this.shapeType) }]);
  });

  private readonly shapeType = this.RULE("shapeType", () => {
    this.SUBRULE(this.dims);
    this.OPTION({ GATE: () => this.onSameLine() && this.LA(1).image !== "init", DEF: () => this.CONSUME(t.Identifier) });
  });

  private readonly namedType = this.RULE("namedType", () => {
    this.CONSUME(t.NameWord);
    this.OPTION({ GATE: () => this.onSameLine(), DEF: () => this.SUBRULE(this.dims) });
    this.OPTION2({ GATE: () => this.onSameLine(), DEF: () => this.SUBRULE(this.args) });
    this.OPTION3({
      GATE: () => this.onSameLine(),
      DEF: () => {
        this.CONSUME(t.LBracket);
        this.SUBRULE(this.expression, { ARGS: [free], LABEL: "count" });
        this.CONSUME(t.RBracket);
      },
    });
    this.OPTION4({ GATE: () => this.onSameLine() && this.rangeFollows(), DEF: () => this.SUBRULE2(this.expression, { ARGS: [head], LABEL: "range" }) });
    this.OPTION5(() => this.CONSUME(t.Question));
  });

  private readonly dims = this.RULE("dims", () => {
    this.CONSUME(t.LBracket);
    this.OPTION(() => {
      this.SUBRULE(this.dim);
      this.MANY(() => {
        this.OR([{ ALT: () => this.CONSUME(t.Comma) }, { ALT: () => this.CONSUME(t.Arrow) }]);
        this.SUBRULE2(this.dim);
      });
    });
    this.CONSUME(t.RBracket);
  });

  private readonly dim = this.RULE("dim", () => {
    this.OR({
      IGNORE_AMBIGUITIES: true,
      DEF: [
        { ALT: () => this.CONSUME(t.Ellipsis) },
        { ALT: () => this.CONSUME(t.RangeOpen) },
        { ALT: () => this.SUBRULE(this.expression, { ARGS: [free] }) },
      ],
    });
  });

  // ---------------------------------------------------------------- expressions

  /** `each t: w * t`, or operands with infix operators between them; `build.ts` groups them by precedence. */
  private readonly expression = this.RULE("expression", (limits: Limits = free) => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(Kw.each);
          this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.CONSUME(t.Word, { LABEL: "name" }) });
          this.CONSUME(t.Colon);
          this.SUBRULE(this.expression, { ARGS: [limits], LABEL: "body" });
        },
      },
      {
        ALT: () => {
          this.SUBRULE(this.rangeSign);
          this.OPTION({ GATE: () => this.operandFollows(), DEF: () => this.SUBRULE(this.chain, { ARGS: [limits] }) });
        },
      },
      { ALT: () => this.SUBRULE2(this.chain, { ARGS: [limits] }) },
    ]);
  });

  private readonly chain = this.RULE("chain", (limits: Limits = free) => {
    this.SUBRULE(this.operand, { ARGS: [limits], LABEL: "part" });
    this.MANY({
      GATE: () => limits.then || this.LA(1).tokenType !== Kw.then,
      DEF: () =>
        this.OR([
          {
            ALT: () => {
              this.SUBRULE(this.infix, { LABEL: "part" });
              this.SUBRULE2(this.operand, { ARGS: [limits], LABEL: "part" });
            },
          },
          {
            ALT: () => {
              this.SUBRULE(this.rangeSign, { LABEL: "part" });
              this.OPTION({ GATE: () => this.operandFollows(), DEF: () => this.SUBRULE3(this.operand, { ARGS: [limits], LABEL: "part" }) });
            },
          },
        ]),
    });
  });

  private readonly rangeSign = this.RULE("rangeSign", () => {
    this.OR([{ ALT: () => this.CONSUME(t.RangeOpen) }, { ALT: () => this.CONSUME(t.RangeInclusive) }]);
  });

  private readonly infix = this.RULE("infix", () => {
    this.OR(infix.map((token) => ({ ALT: () => this.CONSUME(token) })));
  });

  private readonly operand = this.RULE("operand", (limits: Limits = free) => {
    this.MANY(() => this.OR([{ ALT: () => this.CONSUME(t.Minus) }, { ALT: () => this.CONSUME(Kw.not) }]));
    this.SUBRULE(this.postfix, { ARGS: [limits] });
    this.MANY2(() => this.SUBRULE(this.clause, { ARGS: [limits] }));
  });

  /** Words that follow an adapter, a merge or a router: where it sits, where it is read from, when it decides. */
  private readonly clause = this.RULE("clause", (limits: Limits = free) => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(Kw.on);
          this.SUBRULE(this.selector, { ARGS: [limits], LABEL: "sites" });
          this.OPTION(() => {
            this.CONSUME(Kw.reading);
            this.SUBRULE2(this.selector, { ARGS: [limits], LABEL: "reads" });
          });
        },
      },
      {
        ALT: () => {
          this.CONSUME(Kw.from);
          this.OR2([
            { ALT: () => this.CONSUME(t.StringToken) },
            { ALT: () => this.CONSUME(t.NameWord, { LABEL: "pass" }) },
          ]);
          this.OPTION2(() => {
            this.CONSUME(Kw.as);
            this.CONSUME(t.Word, { LABEL: "dtype" });
          });
        },
      },
      {
        ALT: () => {
          this.CONSUME(Kw.of);
          this.SUBRULE(this.postfix, { ARGS: [limits], LABEL: "members" });
        },
      },
      {
        ALT: () => {
          this.CONSUME(Kw.relative);
          this.CONSUME2(t.Word, { LABEL: "to" });
          this.SUBRULE2(this.postfix, { ARGS: [limits], LABEL: "relative" });
        },
      },
      {
        ALT: () => {
          this.CONSUME(Kw.per);
          this.CONSUME2(t.NameWord, { LABEL: "unit" });
        },
      },
      {
        ALT: () => {
          this.CONSUME(Kw.every);
          this.SUBRULE3(this.postfix, { ARGS: [limits], LABEL: "every" });
          this.CONSUME3(t.NameWord, { LABEL: "unit" });
        },
      },
      {
        ALT: () => {
          this.CONSUME(Kw.at);
          this.OR3([
            {
              ALT: () => {
                this.CONSUME(Kw.each);
                this.CONSUME5(t.Word, { LABEL: "site" });
              },
            },
            { ALT: () => this.SUBRULE3(this.selector, { ARGS: [limits], LABEL: "where" }) },
          ]);
        },
      },
      { ALT: () => this.CONSUME(Kw.once) },
    ]);
  });

  /** A path of modules, or one port of it: `output of smol.model.layers[*].mlp`. */
  private readonly selector = this.RULE("selector", (limits: Limits = free) => {
    this.SUBRULE(this.postfix, { ARGS: [limits], LABEL: "path" });
    this.OPTION(() => {
      this.CONSUME(Kw.of);
      this.SUBRULE2(this.postfix, { ARGS: [limits], LABEL: "of" });
    });
  });

  private readonly postfix = this.RULE("postfix", (limits: Limits = free) => {
    this.OR({
      IGNORE_AMBIGUITIES: true,
      DEF: [
        {
          GATE: () => this.LA(1).tokenType === Kw.base && tokenMatcher(this.LA(2), t.NameWord) && this.sameLine(this.LA(1), this.LA(2)),
          ALT: () => {
            this.CONSUME(Kw.base);
            this.SUBRULE(this.postfix, { ARGS: [limits], LABEL: "unadapted" });
          },
        },
        {
          ALT: () => {
            this.SUBRULE(this.primary, { ARGS: [limits] });
            this.MANY({
              GATE: () => this.suffixFollows(limits),
              DEF: () => this.SUBRULE(this.suffix),
            });
          },
        },
      ],
    });
  });

  private readonly suffix = this.RULE("suffix", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.Dot);
          this.OR2([{ ALT: () => this.CONSUME(t.Word) }, { ALT: () => this.SUBRULE(this.nameSet) }]);
        },
      },
      { ALT: () => this.SUBRULE(this.args) },
      { ALT: () => this.SUBRULE(this.index) },
      { ALT: () => this.SUBRULE(this.entries) },
    ]);
  });

  /** `{q_proj, v_proj}` */
  private readonly nameSet = this.RULE("nameSet", () => {
    this.CONSUME(t.LBrace);
    this.CONSUME(t.Word);
    this.MANY({
      GATE: () => this.LA(2).tokenType !== t.RBrace,
      DEF: () => {
        this.CONSUME(t.Comma);
        this.CONSUME2(t.Word);
      },
    });
    this.OPTION(() => this.CONSUME2(t.Comma));
    this.CONSUME(t.RBrace);
  });

  private readonly args = this.RULE("args", () => {
    this.CONSUME(t.LParen);
    this.OPTION(() => {
      this.SUBRULE(this.argument);
      this.MANY({
        GATE: () => this.LA(2).tokenType !== t.RParen,
        DEF: () => {
          this.CONSUME(t.Comma);
          this.SUBRULE2(this.argument);
        },
      });
      this.OPTION2(() => this.CONSUME2(t.Comma));
    });
    this.CONSUME(t.RParen);
  });

  private readonly entries = this.RULE("entries", () => {
    this.CONSUME(t.LBrace);
    this.OPTION(() => {
      this.SUBRULE(this.argument);
      this.MANY({
        GATE: () => this.LA(2).tokenType !== t.RBrace,
        DEF: () => {
          this.CONSUME(t.Comma);
          this.SUBRULE2(this.argument);
        },
      });
      this.OPTION2(() => this.CONSUME2(t.Comma));
    });
    this.CONSUME(t.RBrace);
  });

  private readonly argument = this.RULE("argument", () => {
    this.OPTION({
      GATE: () => this.LA(2).tokenType === t.Colon,
      DEF: () => {
        this.CONSUME(t.Word);
        this.CONSUME(t.Colon);
      },
    });
    this.SUBRULE(this.expression, { ARGS: [free] });
  });

  private readonly index = this.RULE("index", () => {
    this.CONSUME(t.LBracket);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.indexItem) });
    this.CONSUME(t.RBracket);
  });

  private readonly indexItem = this.RULE("indexItem", () => {
    this.OR([
      { ALT: () => this.CONSUME(t.Star) },
      { ALT: () => this.SUBRULE(this.expression, { ARGS: [free], LABEL: "value" }) },
    ]);
    this.OPTION(() => {
      this.CONSUME(Kw.except);
      this.SUBRULE2(this.expression, { ARGS: [free], LABEL: "except" });
    });
  });

  private readonly primary = this.RULE("primary", (limits: Limits = free) => {
    this.OR([
      { ALT: () => this.SUBRULE(this.number) },
      { ALT: () => this.CONSUME(t.StringToken) },
      { ALT: () => this.CONSUME(Kw.true) },
      { ALT: () => this.CONSUME(Kw.false) },
      { ALT: () => this.CONSUME(Kw.none) },
      { ALT: () => this.CONSUME(t.NameWord) },
      { ALT: () => this.SUBRULE(this.parenthesized) },
      { ALT: () => this.SUBRULE(this.list) },
      { ALT: () => this.SUBRULE(this.entries) },
      { ALT: () => this.SUBRULE(this.conditional, { ARGS: [limits] }) },
      { ALT: () => this.SUBRULE(this.switching) },
    ]);
  });

  private readonly number = this.RULE("number", () => {
    this.CONSUME(t.NumberToken);
    this.OPTION({
      GATE: () => this.onSameLine() && (t.units as readonly string[]).includes(this.LA(1).image),
      DEF: () => this.CONSUME(t.Identifier),
    });
  });

  private readonly parenthesized = this.RULE("parenthesized", () => {
    this.CONSUME(t.LParen);
    this.SUBRULE(this.expression, { ARGS: [free] });
    this.CONSUME(t.RParen);
  });

  /** `[a, b]`, or `[P; k]`: joined along the token axis. */
  private readonly list = this.RULE("list", () => {
    this.CONSUME(t.LBracket);
    this.OPTION(() => {
      this.SUBRULE(this.expression, { ARGS: [free] });
      this.OR([
        {
          ALT: () =>
            this.AT_LEAST_ONE(() => {
              this.CONSUME(t.Semicolon);
              this.SUBRULE3(this.expression, { ARGS: [free] });
            }),
        },
        {
          ALT: () => {
            this.MANY({
              GATE: () => this.LA(2).tokenType !== t.RBracket,
              DEF: () => {
                this.CONSUME(t.Comma);
                this.SUBRULE2(this.expression, { ARGS: [free] });
              },
            });
            this.OPTION2(() => this.CONSUME2(t.Comma));
          },
        },
      ]);
    });
    this.CONSUME(t.RBracket);
  });

  private readonly conditional = this.RULE("conditional", (limits: Limits = free) => {
    this.CONSUME(Kw.if);
    this.SUBRULE(this.expression, { ARGS: [condition], LABEL: "condition" });
    this.CONSUME(Kw.then);
    this.SUBRULE2(this.expression, { ARGS: [free], LABEL: "then" });
    this.CONSUME(Kw.else);
    this.SUBRULE3(this.expression, { ARGS: [limits], LABEL: "else" });
  });

  private readonly switching = this.RULE("switching", () => {
    this.CONSUME(Kw.switch);
    this.SUBRULE(this.expression, { ARGS: [head] });
    this.CONSUME(t.LBrace);
    this.OPTION(() => {
      this.SUBRULE(this.arm);
      this.MANY({
        GATE: () => this.LA(2).tokenType !== t.RBrace,
        DEF: () => {
          this.CONSUME(t.Comma);
          this.SUBRULE2(this.arm);
        },
      });
      this.OPTION2(() => this.CONSUME2(t.Comma));
    });
    this.CONSUME(t.RBrace);
  });

  private readonly arm = this.RULE("arm", () => {
    this.SUBRULE(this.expression, { ARGS: [free], LABEL: "pattern" });
    this.CONSUME(t.FatArrow);
    this.SUBRULE2(this.expression, { ARGS: [free], LABEL: "value" });
  });

  // ---------------------------------------------------------------- what the gates look at

  private sameLine(a: IToken, b: IToken): boolean {
    return b.tokenType !== EOF && (a.endLine ?? a.startLine) === b.startLine;
  }

  private onSameLine(): boolean {
    return this.sameLine(this.LA(0), this.LA(1));
  }

  /** Whether a bracket or dot continues the expression: dots always, brackets on the same line, braces where allowed. */
  private suffixFollows(limits: Limits): boolean {
    const next = this.LA(1);
    if (next.tokenType === t.Dot) return true;
    return this.onSameLine() && (next.tokenType !== t.LBrace || limits.braces);
  }

  private operandFollows(): boolean {
    const next = this.LA(1);
    return this.onSameLine() && next.tokenType !== t.LBrace && expressionStart.some((token) => tokenMatcher(next, token));
  }

  /** `Int 1..` and `Float 0..=1`: a number or a range sign right after the name of a type. */
  private rangeFollows(): boolean {
    const next = this.LA(1).tokenType;
    return next === t.NumberToken || next === t.RangeOpen || next === t.RangeInclusive || (next === t.Minus && this.LA(2).tokenType === t.NumberToken);
  }

  /** Which statement begins at the next token; a keyword followed by `.`, `:`, `=` or `,` is a name. */
  private statementStart(): StatementStart {
    const first = this.LA(1);
    const second = this.LA(2);
    const named = [t.Dot, t.Colon, t.Equal, t.Comma].includes(second.tokenType);
    if (!named) {
      switch (first.tokenType) {
        case Kw.param: return "param";
        case Kw.let: return "let";
        case Kw.for: return "for";
        case Kw.if: return "if";
        case Kw.require: return "require";
        case Kw.delta: if (tokenMatcher(second, t.Word)) return "delta";
      }
    }
    if (first.tokenType === t.Ellipsis) return "clause";
    if (!tokenMatcher(first, t.Word)) return "assign";
    if (second.tokenType === t.LParen) return "forward";
    if (second.tokenType === t.LBracket) return this.LA(this.afterBracket(2)).tokenType === t.LParen ? "forward" : "assign";
    let at = 2;
    while (this.LA(at).tokenType === t.Dot && tokenMatcher(this.LA(at + 1), t.Word)) at += 2;
    if (this.LA(at).tokenType === t.Colon) return "member";
    if (at > 2 || second.tokenType === t.Equal || second.tokenType === t.Comma) return "assign";
    if (!this.sameLine(first, second) || second.tokenType === t.RBrace) return "clause";
    return expressionStart.some((token) => tokenMatcher(second, token)) && second.tokenType !== t.Minus ? "clause" : "assign";
  }

  /** The place after the bracket that closes the one at `at`. */
  private afterBracket(at: number): number {
    let depth = 0;
    for (let i = at; this.LA(i).tokenType !== EOF; i++) {
      const { tokenType } = this.LA(i);
      if (tokenType === t.LBracket) depth++;
      if (tokenType === t.RBracket && --depth === 0) return i + 1;
    }
    return at;
  }
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

/** The concrete tree of one item, and what the parser could not accept in it, first mistake first. */
export function parseItem(tokens: IToken[]): { readonly cst: CstNode | undefined; readonly mistakes: readonly Mistake[] } {
  parser.input = tokens;
  const cst = parser.item() as CstNode | undefined;
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
