//! The metaschemas that documents may refer to, which the crate `referencing` carries.

use referencing::meta;

/// The text of the standard document of that URI.
pub(super) fn document(uri: &str) -> Option<String> {
    let (_, name) = uri.split_once("://json-schema.org/")?;
    let value = match name {
        "draft/2020-12/schema" => &meta::DRAFT202012,
        "draft/2020-12/meta/core" => &meta::DRAFT202012_CORE,
        "draft/2020-12/meta/applicator" => &meta::DRAFT202012_APPLICATOR,
        "draft/2020-12/meta/unevaluated" => &meta::DRAFT202012_UNEVALUATED,
        "draft/2020-12/meta/validation" => &meta::DRAFT202012_VALIDATION,
        "draft/2020-12/meta/meta-data" => &meta::DRAFT202012_META_DATA,
        "draft/2020-12/meta/format-annotation" => &meta::DRAFT202012_FORMAT_ANNOTATION,
        "draft/2020-12/meta/content" => &meta::DRAFT202012_CONTENT,
        "draft-04/schema" => &meta::DRAFT4,
        _ => return None,
    };
    Some(value.to_string())
}
