use crate::tokenizer::Token;

/// Represents an error that occurred while parsing tokens.
#[derive(thiserror::Error, Debug)]
pub enum ParseError {
    /// A parsing error occurred near the given position.
    #[error("syntax error at line {} col {}", .0.line, .0.column)]
    ParsingNear(crate::SourcePosition),

    /// A parsing error occurred at the end of the input.
    #[error("syntax error at end of input")]
    ParsingAtEndOfInput,
}

pub(crate) fn convert_peg_parse_error(err: &peg::error::ParseError<usize>, tokens: &[Token]) -> ParseError {
    tokens
        .get(err.location)
        .map_or(ParseError::ParsingAtEndOfInput, |token| ParseError::ParsingNear((*token.location().start).clone()))
}
