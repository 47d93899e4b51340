//! Signatures: `jsonwebtoken`'s, with `ring` (which TLS brings along) as its cryptography.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{Error as SignatureError, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::{hmac as keyed, signature as rings};
use shield_ir::identity;

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: no_signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Whether a key made that signature with that algorithm.
pub(super) fn verify(
    with: identity::Algorithm,
    key: &DecodingKey,
    message: &[u8],
    signature: &Vec<u8>,
) -> bool {
    (PROVIDER.verifier_factory)(&algorithm(with), key)
        .is_ok_and(|verifier| verifier.verify(message, signature).is_ok())
}

/// HMAC with SHA-256.
pub(super) fn hmac(secret: &[u8], message: &[u8]) -> Vec<u8> {
    keyed::sign(&keyed::Key::new(keyed::HMAC_SHA256, secret), message).as_ref().to_vec()
}

/// The algorithm as `jsonwebtoken` names it.
pub(super) const fn algorithm(named: identity::Algorithm) -> Algorithm {
    match named {
        identity::Algorithm::HS256 => Algorithm::HS256,
        identity::Algorithm::HS384 => Algorithm::HS384,
        identity::Algorithm::HS512 => Algorithm::HS512,
        identity::Algorithm::RS256 => Algorithm::RS256,
        identity::Algorithm::RS384 => Algorithm::RS384,
        identity::Algorithm::RS512 => Algorithm::RS512,
        identity::Algorithm::PS256 => Algorithm::PS256,
        identity::Algorithm::PS384 => Algorithm::PS384,
        identity::Algorithm::PS512 => Algorithm::PS512,
        identity::Algorithm::ES256 => Algorithm::ES256,
        identity::Algorithm::ES384 => Algorithm::ES384,
        identity::Algorithm::EdDSA => Algorithm::EdDSA,
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is jsonwebtoken's")]
fn no_signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    Err(ErrorKind::InvalidAlgorithm.into())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is jsonwebtoken's")]
fn verifier(with: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    if key.family() != with.family() {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    Ok(Box::new(RingVerifier { with: *with, key: key.clone() }))
}

struct RingVerifier {
    with: Algorithm,
    key: DecodingKey,
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.with
    }
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        match (means(self.with).ok_or_else(SignatureError::new)?, self.key.kind()) {
            (Means::Keyed(hash), DecodingKeyKind::SecretOrDer(secret)) => {
                keyed::verify(&keyed::Key::new(hash, secret), message, signature)
                    .map_err(|_| SignatureError::new())
            }
            (Means::Rsa(parameters), DecodingKeyKind::RsaModulusExponent { n, e }) => {
                let key = rings::RsaPublicKeyComponents { n, e };
                key.verify(parameters, message, signature).map_err(|_| SignatureError::new())
            }
            (Means::Rsa(parameters), DecodingKeyKind::SecretOrDer(key)) => {
                unparsed(parameters, key, message, signature)
            }
            (Means::Point(curve), DecodingKeyKind::SecretOrDer(key)) => {
                unparsed(curve, key, message, signature)
            }
            (Means::Keyed(_) | Means::Point(_), DecodingKeyKind::RsaModulusExponent { .. }) => {
                Err(SignatureError::new())
            }
        }
    }
}

fn unparsed(
    with: &'static dyn rings::VerificationAlgorithm,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    rings::UnparsedPublicKey::new(with, key).verify(message, signature).map_err(|_| SignatureError::new())
}

enum Means {
    Keyed(keyed::Algorithm),
    Rsa(&'static rings::RsaParameters),
    Point(&'static dyn rings::VerificationAlgorithm),
}

/// What `ring` calls an algorithm; RSA keys below 2,048 bits are no keys to it.
fn means(algorithm: Algorithm) -> Option<Means> {
    Some(match algorithm {
        Algorithm::HS256 => Means::Keyed(keyed::HMAC_SHA256),
        Algorithm::HS384 => Means::Keyed(keyed::HMAC_SHA384),
        Algorithm::HS512 => Means::Keyed(keyed::HMAC_SHA512),
        Algorithm::RS256 => Means::Rsa(&rings::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Means::Rsa(&rings::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Means::Rsa(&rings::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Means::Rsa(&rings::RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Means::Rsa(&rings::RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Means::Rsa(&rings::RSA_PSS_2048_8192_SHA512),
        Algorithm::ES256 => Means::Point(&rings::ECDSA_P256_SHA256_FIXED),
        Algorithm::ES384 => Means::Point(&rings::ECDSA_P384_SHA384_FIXED),
        Algorithm::EdDSA => Means::Point(&rings::ED25519),
        // jsonwebtoken may add algorithms: none of them is accepted.
        _ => return None,
    })
}
