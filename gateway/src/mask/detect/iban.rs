//! International bank account numbers: a country's length and the ISO 7064 check.

use super::{Detector, Found, last_of, text};

/// Text with fewer digits holds no account: the two check digits are digits everywhere.
pub(in super::super) const LEAST_DIGITS: usize = 2;

/// The countries of the SWIFT registry by the length of their numbers.
const COUNTRIES: &[(usize, &str)] = &[
    (15, "NO"),
    (16, "BE BI"),
    (18, "DK FI FK FO GL NL SD"),
    (19, "MK SI"),
    (20, "AT BA EE KZ LT LU MN XK"),
    (21, "CH CR HR LI LV"),
    (22, "BG BH DE GB GE IE ME RS VA"),
    (23, "AE GI IL IQ OM SO TL"),
    (24, "AD CZ DZ ES MD PK RO SA SE SK TN VG"),
    (25, "LY PT ST"),
    (26, "IS TR"),
    (27, "BF BJ CF CG CM DJ FR GA GR IT KM MC MR SM"),
    (28, "AL AZ BY CI CY DO GT HU LB MA ML NE NI PL SN SV TD TG"),
    (29, "BR EG PS QA UA"),
    (30, "JO KW MU YE"),
    (31, "MT SC"),
    (32, "LC"),
    (33, "RU"),
];

/// Reports the account numbers of a text; country, last four and spaces stay.
pub(in super::super) fn find(text: &[u8], found: &mut Found) {
    for (start, head) in text.windows(4).enumerate() {
        let [first, second, tens, ones] = head else { continue };
        let is_head = tens.is_ascii_digit()
            && ones.is_ascii_digit()
            && first.is_ascii_alphabetic()
            && second.is_ascii_alphabetic();
        if !is_head || !text::starts_word(text, start) {
            continue;
        }
        let Some(end) = length([*first, *second]).and_then(|length| end(text, start, length)) else { continue };
        if text::ends_word(text, end) && checks(text.get(start..end).unwrap_or_default()) {
            let hidden = start + 2..last_of(text, start..end, 4, |byte| byte.is_ascii_alphanumeric());
            found.report(Detector::Iban, text, hidden, |byte| byte.is_ascii_alphanumeric());
        }
    }
}

fn length(country: [u8; 2]) -> Option<usize> {
    let country = country.map(|letter| letter.to_ascii_uppercase());
    let listed = |names: &str| names.split(' ').any(|name| name.as_bytes() == country);
    COUNTRIES.iter().find(|(_, names)| listed(names)).map(|(length, _)| *length)
}

/// Where the number's last letter or digit ends, single spaces or hyphens between groups not counted.
fn end(text: &[u8], start: usize, length: usize) -> Option<usize> {
    let mut left = length;
    let mut spaced = false;
    for (offset, byte) in text.get(start..)?.iter().enumerate() {
        match byte {
            b' ' | b'-' if !spaced => spaced = true,
            byte if byte.is_ascii_alphanumeric() => {
                spaced = false;
                left -= 1;
            }
            _ => return None,
        }
        if left == 0 {
            return Some(start + offset + 1);
        }
    }
    None
}

/// Whether the number, its first four characters moved to the end and letters read as 10 to 35, leaves one when divided by 97.
fn checks(number: &[u8]) -> bool {
    let values = || number.iter().filter_map(|byte| char::from(*byte).to_digit(36));
    let turned = values().skip(4).chain(values().take(4));
    turned.fold(0, |rest, value| (rest * if value < 10 { 10 } else { 100 } + value) % 97) == 1
}

#[cfg(test)]
mod tests {
    use super::super::{Detector, assert_leaves, assert_masks};

    #[test]
    fn accounts_keep_country_and_last_four() {
        assert_masks(
            Detector::Iban,
            &[
                ("GB82WEST12345698765432", "GB****************5432"),
                ("GB82 WEST 1234 5698 7654 32", "GB** **** **** **** **54 32"),
                ("de89370400440532013000", "de****************3000"),
                ("NO9386011117947", "NO*********7947"),
                ("MT84MALT011000012345MTLCAST001S", "MT*************************001S"),
                ("from FR1420041010050500013M02606, to", "from FR*********************2606, to"),
                (r#"{"a":"\tBE68539007547034"}"#, r#"{"a":"\tBE**********7034"}"#),
                ("GB82 WEST 1234 5698 7654 32 EUR", "GB** **** **** **** **54 32 EUR"),
                ("BE68539007547034;NO9386011117947", "BE**********7034;NO*********7947"),
            ],
        );
    }

    #[test]
    fn near_accounts_stay() {
        assert_leaves(
            Detector::Iban,
            &[
                "GB83WEST12345698765432",
                "XX82WEST12345698765432",
                "XGB82WEST12345698765432",
                "GB82WEST12345698765432X",
                "GB82WEST1234569876543",
                "GB82  WEST12345698765432",
                "NO93",
            ],
        );
    }
}
