//! Reads the part of Flux that the boards use, strictly: what is not known here is a fault.

use super::lexer::{Token, tokens};
use super::words::{AGGREGATES, FUNCTIONS, Function, PACKAGES, VALUES};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    Name(String),
    Text(String),
    Regex(String),
    Number(String),
    Duration(String),
    Member(Box<Expr>, String),
    Call(String, Vec<(String, Expr)>),
    Unary(Box<Expr>),
    Binary(String, Box<Expr>, Box<Expr>),
    Choice(Box<[Expr; 3]>),
    Array(Vec<Expr>),
    Record(Vec<(String, Expr)>),
    Lambda(Vec<String>, Box<Expr>),
    Pipe(Box<Expr>, Box<Expr>),
}

impl Expr {
    /// Shows every expression within this one, itself first.
    pub fn walk<'e>(&'e self, see: &mut dyn FnMut(&'e Self)) {
        see(self);
        match self {
            Self::Member(of, _) | Self::Unary(of) | Self::Lambda(_, of) => of.walk(see),
            Self::Binary(_, left, right) | Self::Pipe(left, right) => {
                left.walk(see);
                right.walk(see);
            }
            Self::Choice(parts) => parts.iter().for_each(|part| part.walk(see)),
            Self::Array(items) => items.iter().for_each(|item| item.walk(see)),
            Self::Record(pairs) | Self::Call(_, pairs) => {
                pairs.iter().for_each(|(_, value)| value.walk(see));
            }
            Self::Name(_)
            | Self::Text(_)
            | Self::Regex(_)
            | Self::Number(_)
            | Self::Duration(_) => {}
        }
    }
}

/// The statements of a query: what it computes.
pub fn parse(query: &str) -> Result<Vec<Expr>, String> {
    let mut parser = Parser { tokens: tokens(query)?, at: 0, names: Vec::new(), used: Vec::new() };
    let statements = parser.program()?;
    for package in parser.names.iter().filter(|name| PACKAGES.iter().any(|p| p.0 == **name)) {
        if !parser.used.contains(package) {
            return Err(format!("{package} is imported and not used"));
        }
    }
    Ok(statements)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    /// What may be named here: packages, variables, parameters.
    names: Vec<String>,
    used: Vec<String>,
}

type Parsed = Result<Expr, String>;

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn is(&self, symbol: &str) -> bool {
        matches!(self.peek(), Some(Token::Symbol(found)) if *found == symbol)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Name(found)) if found == word)
    }

    fn take(&mut self, symbol: &str) -> bool {
        let is_there = self.is(symbol) || self.is_word(symbol);
        self.at += usize::from(is_there);
        is_there
    }

    fn want(&mut self, symbol: &str) -> Result<(), String> {
        let shown = format!("{:?}", self.peek());
        self.take(symbol).then_some(()).ok_or(format!("want {symbol}, not {shown}"))
    }

    fn name(&mut self) -> Result<String, String> {
        let Some(Token::Name(name)) = self.peek().cloned() else {
            return Err(format!("want a name, not {:?}", self.peek()));
        };
        self.at += 1;
        Ok(name)
    }

    fn program(&mut self) -> Result<Vec<Expr>, String> {
        while self.take("import") {
            let Some(Token::Text(path)) = self.peek().cloned() else {
                return Err("want a package after import".to_owned());
            };
            let package = PACKAGES.iter().find(|(_, known)| *known == path);
            let package = package.ok_or(format!("a package that is not known: {path}"))?;
            self.names.push(package.0.to_owned());
            self.at += 1;
        }
        let mut statements = Vec::new();
        let mut has_result = false;
        while self.peek().is_some() {
            let is_option = self.take("option");
            let is_assignment = matches!(self.tokens.get(self.at + 1), Some(Token::Symbol("=")));
            if is_option && !(is_assignment && self.is_word("location")) {
                return Err("an option that is not location".to_owned());
            }
            if is_assignment {
                let name = self.name()?;
                self.want("=")?;
                statements.push(self.expression()?);
                self.names.push(name);
            } else {
                let result = self.expression()?;
                if !yields(&result) {
                    return Err("a statement that is no pipeline".to_owned());
                }
                statements.push(result);
                has_result = true;
            }
        }
        has_result.then_some(statements).ok_or_else(|| "nothing that yields a result".to_owned())
    }

    fn expression(&mut self) -> Parsed {
        if self.take("if") {
            let condition = self.expression()?;
            self.want("then")?;
            let then = self.expression()?;
            self.want("else")?;
            return Ok(Expr::Choice(Box::new([condition, then, self.expression()?])));
        }
        self.binary(0)
    }

    /// By how strongly operators bind, the weakest first; a pipe binds before all of them.
    fn binary(&mut self, level: usize) -> Parsed {
        const LEVELS: [&[&str]; 5] = [
            &["or"],
            &["and"],
            &["==", "!=", "<", "<=", ">", ">=", "=~", "!~"],
            &["+", "-"],
            &["*", "/", "%"],
        ];
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = operators.iter().find(|operator| self.take(operator)) {
            let right = self.binary(level + 1)?;
            if operator.ends_with('~') && !matches!(right, Expr::Regex(_)) {
                return Err(format!("want a regular expression after {operator}"));
            }
            left = Expr::Binary((*operator).to_owned(), Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed {
        if ["not", "exists", "-"].iter().any(|operator| self.take(operator)) {
            return Ok(Expr::Unary(Box::new(self.unary()?)));
        }
        let mut left = self.postfix(false)?;
        while self.take("|>") {
            let right = self.postfix(true)?;
            left = piped(left, right)?;
        }
        match &left {
            Expr::Call(name, _) if name == "from" => Err("from without a range".to_owned()),
            _ => Ok(left),
        }
    }

    fn postfix(&mut self, in_pipe: bool) -> Parsed {
        let mut expr = self.primary(in_pipe)?;
        while self.take(".") {
            let member = self.name()?;
            if expr == Expr::Name("v".to_owned()) && !VALUES.contains(&&*member) {
                return Err(format!("Grafana knows no v.{member}"));
            }
            let package = match &expr {
                Expr::Name(name) if PACKAGES.iter().any(|(known, _)| known == name) => name.clone(),
                _ => {
                    expr = Expr::Member(Box::new(expr), member);
                    continue;
                }
            };
            self.used.push(package.clone());
            expr = self.call(&format!("{package}.{member}"), in_pipe)?;
        }
        Ok(expr)
    }

    fn primary(&mut self, in_pipe: bool) -> Parsed {
        let token = self.peek().cloned().ok_or("ends where something should stand")?;
        self.at += 1;
        match token {
            Token::Text(text) => Ok(Expr::Text(text)),
            Token::Regex(text) => Ok(Expr::Regex(text)),
            Token::Number(text) => Ok(Expr::Number(text)),
            Token::Duration(text) => Ok(Expr::Duration(text)),
            Token::Name(name) if self.is("(") => self.call(&name, in_pipe),
            Token::Name(name) => {
                let is_known = ["v", "true", "false"].contains(&&*name)
                    || self.names.contains(&name)
                    || AGGREGATES.contains(&&*name);
                is_known.then(|| Expr::Name(name.clone())).ok_or(format!("{name} is not known"))
            }
            Token::Symbol("[") => self.list("]", Self::expression).map(Expr::Array),
            Token::Symbol("{") => {
                if matches!(self.tokens.get(self.at + 1), Some(Token::Name(word)) if word == "with")
                {
                    self.name()?;
                    self.want("with")?;
                }
                self.list("}", Self::pair).map(Expr::Record)
            }
            Token::Symbol("(") => {
                if let Some(parameters) = self.parameters() {
                    return self.lambda(parameters);
                }
                let inner = self.expression()?;
                self.want(")")?;
                Ok(inner)
            }
            Token::Symbol(symbol) => Err(format!("{symbol} where something should stand")),
        }
    }

    /// The names of `(a, b) =>`, if that is what follows.
    fn parameters(&mut self) -> Option<Vec<String>> {
        let start = self.at;
        let mut names = Vec::new();
        while let Ok(name) = self.name() {
            names.push(name);
            self.take(",");
        }
        if self.take(")") && self.take("=>") {
            return Some(names);
        }
        self.at = start;
        None
    }

    fn lambda(&mut self, parameters: Vec<String>) -> Parsed {
        let known = self.names.len();
        self.names.extend(parameters.iter().cloned());
        let body = self.expression()?;
        self.names.truncate(known);
        Ok(Expr::Lambda(parameters, Box::new(body)))
    }

    fn pair(&mut self) -> Result<(String, Expr), String> {
        let name = self.name()?;
        self.want(":")?;
        Ok((name, self.expression()?))
    }

    fn list<T>(
        &mut self,
        end: &str,
        item: fn(&mut Self) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let mut items = Vec::new();
        while !self.take(end) {
            items.push(item(self)?);
            if !self.is(end) {
                self.want(",")?;
            }
        }
        Ok(items)
    }

    fn call(&mut self, name: &str, in_pipe: bool) -> Parsed {
        let function = FUNCTIONS.iter().find(|function| function.name == name);
        let function = function.ok_or(format!("{name} is no function that is known"))?;
        if function.is_piped != in_pipe {
            let fault = if in_pipe { "takes nothing from a pipe" } else { "wants a pipe" };
            return Err(format!("{name} {fault}"));
        }
        self.want("(")?;
        let arguments = self.list(")", Self::pair)?;
        check(function, &arguments)?;
        Ok(Expr::Call(name.to_owned(), arguments))
    }
}

/// What may stand at the beginning of a pipeline, or be one.
fn yields(expr: &Expr) -> bool {
    match expr {
        Expr::Pipe(..) => true,
        Expr::Call(name, _) => ["from", "union", "join", "schema.tagValues"].contains(&&**name),
        _ => false,
    }
}

fn piped(left: Expr, right: Expr) -> Parsed {
    let is_source = yields(&left) || matches!(left, Expr::Name(_));
    let Expr::Call(name, _) = &right else { return Err("a pipe into no function".to_owned()) };
    let is_from = matches!(&left, Expr::Call(source, _) if source == "from");
    if !is_source {
        return Err("a pipe out of what is no table".to_owned());
    }
    if is_from != (name == "range") {
        return Err(format!("{name} where range belongs, or range where it does not"));
    }
    Ok(Expr::Pipe(Box::new(left), Box::new(right)))
}

fn check(function: &Function, arguments: &[(String, Expr)]) -> Result<(), String> {
    let name = function.name;
    for (at, (given, value)) in arguments.iter().enumerate() {
        let given = &**given;
        if !function.needs.contains(&given) && !function.may.contains(&given) {
            return Err(format!("{name} takes no {given}"));
        }
        if arguments[..at].iter().any(|(other, _)| other == given) {
            return Err(format!("{name} is given {given} twice"));
        }
        let is_aggregate = matches!(value, Expr::Name(name) if AGGREGATES.contains(&&**name));
        if given == "fn" && is_aggregate != (name == "aggregateWindow") {
            return Err(format!("{name} does not take such a fn"));
        }
        if given == "fn" && !is_aggregate && !matches!(value, Expr::Lambda(..)) {
            return Err(format!("{name} wants a function as its fn"));
        }
        let bucket = Expr::Member(Box::new(Expr::Name("v".to_owned())), "defaultBucket".to_owned());
        if given == "bucket" && *value != bucket {
            return Err("a bucket that is written out".to_owned());
        }
    }
    let missing =
        function.needs.iter().find(|needed| !arguments.iter().any(|given| given.0 == **needed));
    missing.map_or(Ok(()), |missing| Err(format!("{name} wants {missing}")))
}
