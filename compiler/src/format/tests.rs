//! Layouts, as people expect them.

use super::format;

#[track_caller]
fn lays_out(text: &str, expected: &str) {
    let laid_out = format(text).unwrap();
    assert_eq!(laid_out, expected, "\n{laid_out}");
    assert_eq!(format(&laid_out).unwrap(), laid_out);
}

#[test]
fn statements_stand_one_a_line_and_values_in_a_column() {
    lays_out(
        "\n\napi  pets{host \"a.test\"  \"b.test\" requests block # how\n\n\n\n  body max 1MiB\nendpoint GET /healthz { requests off }\n endpoint POST /up { requests log body max 1MiB }\n endpoint GET /x }\n\n\n\n\nlist a={1 2}\nlist ab : Int={ 3 }",
        r#"api pets {
  host     "a.test" "b.test"
  requests block  # how

  body max 1MiB
  endpoint GET /healthz { requests off }
  endpoint POST /up {
    requests log
    body     max 1MiB
  }
  endpoint GET /x
}

list a       = { 1 2 }
list ab: Int = { 3 }
"#,
    );
}

#[test]
fn comments_stay_where_they_stand() {
    lays_out(
        "# top\n\n\n# of the rule\nrule a { # opens\n   # first\n\n  # second\n when ssl # why\n then log # what\n # last\n }# closes\n# end",
        "# top\n\n# of the rule\nrule a {  # opens\n  # first\n\n  # second\n  when ssl  # why\n  then log  # what\n  # last\n}  # closes\n# end\n",
    );
}

#[test]
fn an_expression_keeps_its_line_breaks() {
    lays_out(
        r#"rule a { when (http.host eq "a"or http.host=="b"
          and not(ssl)) and (
   ! ssl
 or any(
  lower( http.request.headers["a"][ 0 ] , "x" )   [*] eq "a"
   ) # note
 ) and ip.src in {1.1.1.1
 2.2.2.2 3.3.3.3} then block }
let x =
 ssl and
 ssl
"#
        .replace(" , \"x\" )   [*]", ")[*]")
        .as_str(),
        r#"rule a {
  when (http.host eq "a" or http.host == "b"
         and not (ssl)) and (
           !ssl
           or any(
             lower(http.request.headers["a"][0])[*] eq "a"
           )  # note
         ) and ip.src in {
           1.1.1.1
           2.2.2.2 3.3.3.3
         }
  then block
}
let x =
  ssl and
  ssl
"#,
    );
}

#[test]
fn a_long_set_is_wrapped() {
    let members: Vec<String> = (1000..1040).map(|member| member.to_string()).collect();
    let laid_out = format(&format!("list a = {{{}}}", members.join("\n\n "))).unwrap();
    assert_eq!(laid_out.lines().count(), 42);
    let laid_out = format(&format!("list a = {{{}}}", members.join(" "))).unwrap();
    assert!(laid_out.lines().all(|line| line.len() <= super::WIDTH), "\n{laid_out}");
    assert_eq!(laid_out.lines().count(), 5, "\n{laid_out}");
    assert_eq!(format(&laid_out).unwrap(), laid_out);
}

#[test]
fn what_is_not_read_yet_keeps_its_lines() {
    lays_out(
        "limit a {\n     on POST /a/{b}\n\n   allow 5 per 1m\n }\napi a { auth jwt main # }\n public GET /a }",
        "limit a {\n  on POST /a/{b}\n\n  allow 5 per 1m\n}\napi a {\n  auth   jwt main  # }\n  public GET /a\n}\n",
    );
}

#[test]
fn strings_are_never_touched() {
    let text = "rule a {\n  when http.host eq \"  a\n  b # c  \" or http.host matches r#\" \"  x\"#\n  then log\n}\n";
    lays_out(text, text);
}

#[test]
fn a_text_with_a_mistake_is_not_laid_out() {
    assert!(format("rule a { wen ssl }").is_err());
    assert_eq!(format("").unwrap(), "");
    assert_eq!(format(" \n\n").unwrap(), "");
}
