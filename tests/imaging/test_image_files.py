"""Damaged files of every kind are refused with a code; whole ones read as SimpleITK reads them."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import pickle
import tracemalloc
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from radiofuse.errors import ImageError
from radiofuse.imaging import check_pair, file_sha256, header, read_image, read_mask, read_pair, stream

NIFTI_TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]


def save_nifti(path: Path, voxels: np.ndarray, affine: np.ndarray | None = None, **header_values) -> Path:
    """Write a NIfTI with nibabel, then overwrite header fields as a broken exporter would."""
    affine = np.diag([1.0, 1.0, 2.5, 1.0]) if affine is None else affine
    image = nib.Nifti1Image(voxels, affine, dtype=voxels.dtype)
    content = bytearray(image.to_bytes())
    fields = nib.Nifti1Header(bytes(content[:348]), check=False)
    for name, value in header_values.items():
        fields[name] = value
    content[:348] = fields.binaryblock
    path.write_bytes(gzip.compress(bytes(content)) if path.suffix == ".gz" else bytes(content))
    return path


def repacked(path: Path, change) -> Path:
    """Apply ``change`` to the raw bytes of a copy and return its path."""
    content = bytearray(path.read_bytes())
    damaged = path.with_name(f"damaged_{path.name}")
    damaged.write_bytes(bytes(change(content) or content))
    return damaged


def assert_equal_images(ours: sitk.Image, theirs: sitk.Image) -> None:
    assert ours.GetPixelID() == theirs.GetPixelID()
    assert ours.GetSpacing() == theirs.GetSpacing()
    assert ours.GetOrigin() == theirs.GetOrigin()
    assert ours.GetDirection() == theirs.GetDirection()
    np.testing.assert_array_equal(sitk.GetArrayViewFromImage(ours), sitk.GetArrayViewFromImage(theirs))


class TestWholeFiles:
    def test_a_good_pair_passes_without_notes(self, image_path, mask_path, voxels, region):
        pair = read_pair(image_path, mask_path, label=[1, 4])
        np.testing.assert_array_equal(sitk.GetArrayFromImage(pair.image), voxels.T)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(pair.roi), (region > 0).T)
        assert pair.notes == ()
        assert pair.image_sha256 == hashlib.sha256(image_path.read_bytes()).hexdigest()
        assert pair.mask_sha256 == file_sha256(mask_path)

    @pytest.mark.parametrize("dtype", NIFTI_TYPES)
    @pytest.mark.parametrize("scaling", [(1.0, 0.0), (0.001, 0.0), (0.37, -12.5), (1.0, 3.0), (-2.0, 0.0)])
    def test_voxels_and_place_are_those_simpleitk_reads(self, tmp_path, dtype, scaling):
        stored = np.random.default_rng(0).integers(0, 120, (5, 4, 3)).astype(dtype)
        affine = nib.affines.from_matvec(nib.eulerangles.euler2mat(0.1, 0.2, 0.3) * [0.9, 1.1, 3.0], [-90, 12.3, 7])
        path = save_nifti(tmp_path / "a.nii.gz", stored, affine, scl_slope=scaling[0], scl_inter=scaling[1])
        assert_equal_images(read_image(path).image, sitk.ReadImage(str(path)))

    def test_big_endian_and_uncompressed(self, tmp_path, voxels):
        big = nib.Nifti1Header(endianness=">")
        nib.save(nib.Nifti1Image(voxels, np.eye(4), header=big), tmp_path / "big.nii")
        assert (tmp_path / "big.nii").read_bytes()[:4] == b"\0\0\x01\x5c"
        assert_equal_images(read_image(tmp_path / "big.nii").image, sitk.ReadImage(str(tmp_path / "big.nii")))

    @pytest.mark.parametrize("units", ["meter", "micron", "mm", "unknown"])
    def test_units_of_length_are_converted_as_simpleitk_does(self, tmp_path, voxels, units):
        image = nib.Nifti1Image(voxels, np.diag([2.0, 2.0, 3.0, 1.0]))
        image.header.set_xyzt_units(units)
        nib.save(image, tmp_path / "a.nii.gz")
        assert_equal_images(read_image(tmp_path / "a.nii.gz").image, sitk.ReadImage(str(tmp_path / "a.nii.gz")))

    def test_several_gzip_members_are_one_stream(self, image_path, voxels):
        content = gzip.decompress(image_path.read_bytes())
        image_path.write_bytes(gzip.compress(content[:5000]) + gzip.compress(content[5000:]))
        np.testing.assert_array_equal(sitk.GetArrayFromImage(read_image(image_path).image), voxels.T)

    def test_quotes_spaces_and_unicode_in_the_name(self, image_path, tmp_path):
        odd = image_path.rename(tmp_path / "T1 'nach' KM ö.nii.gz")
        assert read_image(odd).sha256 == file_sha256(odd)

    def test_4d_with_one_volume_is_taken_and_noted(self, tmp_path, voxels, mask_path):
        path = save_nifti(tmp_path / "four.nii.gz", voxels[..., None])
        pair = read_pair(path, mask_path, label=[1, 4])
        assert pair.image.GetDimension() == 3
        assert pair.notes == ("four.nii.gz is 4-D with a single volume, which was taken.",)

    def test_header_text_does_not_travel_on(self, tmp_path, voxels):
        path = save_nifti(tmp_path / "a.nii.gz", voxels, descrip=b"DOE^JANE")
        assert read_image(path).image.GetMetaDataKeys() == ()

    def test_brain1_passes(self, data_dir):
        folder = data_dir / "pyradiomics_testdata"
        pair = read_pair(folder / "brain1_image.nrrd", folder / "brain1_label.nrrd", label=1)
        assert_equal_images(pair.image, sitk.ReadImage(str(folder / "brain1_image.nrrd")))
        assert int(sitk.GetArrayViewFromImage(pair.roi).sum()) == 4137

    def test_a_real_case_with_scaled_integers_passes(self, data_dir):
        case = next(path for path in sorted((data_dir / "brats20_tcga_roi" / "cases").iterdir()))
        image, mask = case / f"{case.name}_t1ce.nii.gz", case / f"{case.name}_seg.nii.gz"
        assert_equal_images(read_pair(image, mask).image, sitk.ReadImage(str(image)))


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
@pytest.mark.parametrize("n_bytes", [0, 1, stream.UNPACK_BYTES, 3 * stream.UNPACK_BYTES + 1])
def test_a_stream_that_holds_content_back_is_unpacked_whole(pack, n_bytes):
    content = bytes(n_bytes)  # a thousandth when packed, so that all is read long before all is given
    for chunks in ([pack(content)], [bytes([one]) for one in pack(content)]):
        whole = stream.ByteStream("a", iter(chunks)).unpacked()
        found = bytearray(n_bytes)
        assert (whole.readinto(memoryview(found)), whole.peek(1), bytes(found)) == (n_bytes, b"", content)


class TestDamage:
    @pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
    @pytest.mark.parametrize("suffix", [".nii.gz", ".nii"])
    def test_cut_short(self, tmp_path, voxels, refusal, share, suffix):
        path = save_nifti(tmp_path / f"a{suffix}", voxels)
        cut = repacked(path, lambda content: content[: int(len(content) * share)])
        assert "cut short" in refusal("file_truncated", lambda: read_image(cut))

    @pytest.mark.parametrize("n_bytes", [1, 8])
    def test_the_last_bytes_missing(self, image_path, refusal, n_bytes):
        refusal("file_truncated", lambda: read_image(repacked(image_path, lambda c: c[:-n_bytes])))

    @pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
    def test_one_flipped_bit(self, image_path, share):
        def flip(content):
            content[int(len(content) * share)] ^= 16

        with pytest.raises(ImageError) as caught:
            read_image(repacked(image_path, flip))
        assert caught.value.code in ("file_corrupted", "file_truncated")

    def test_wrong_checksum(self, image_path, refusal):
        def flip(content):
            content[-6] ^= 1  # within the CRC-32, after all the data

        assert "checksum" in refusal("file_corrupted", lambda: read_image(repacked(image_path, flip)))

    def test_header_only(self, tmp_path, voxels, refusal):
        path = save_nifti(tmp_path / "a.nii", voxels)
        text = refusal("file_truncated", lambda: read_image(repacked(path, lambda c: c[:352])))
        assert "15,360 bytes" in text

    def test_ends_within_the_header(self, tmp_path, voxels, refusal):
        path = save_nifti(tmp_path / "a.nii", voxels)
        refusal("file_truncated", lambda: read_image(repacked(path, lambda c: c[:200])))

    def test_text_after_the_stream(self, image_path, refusal):
        refusal("file_corrupted", lambda: read_image(repacked(image_path, lambda c: c + b"</html>")))

    def test_more_voxels_than_announced(self, tmp_path, voxels, refusal):
        path = save_nifti(tmp_path / "a.nii.gz", voxels, dim=[3, 20, 16, 11, 1, 1, 1, 1])
        assert "holds more" in refusal("header_invalid", lambda: read_image(path))


class TestNoImage:
    def test_zero_byte_in_the_path(self, refusal):
        refusal("file_missing", lambda: read_image("a\0b.nii.gz"))

    def test_text(self, tmp_path, refusal):
        (tmp_path / "a.nii").write_text("not an image, whatever its name" * 20)
        refusal("not_an_image", lambda: read_image(tmp_path / "a.nii"))

    @pytest.mark.parametrize("name", ["scan.dcm", "notes.txt", "image.img", "noending", "a.mhd", "a.nhdr"])
    def test_other_formats_by_name(self, tmp_path, refusal, name):
        (tmp_path / name).write_bytes(b"anything")
        assert ".nii.gz" in refusal("not_an_image", lambda: read_image(tmp_path / name))

    @pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
    def test_nifti_under_another_name(self, tmp_path, voxels, refusal, suffix):
        path = save_nifti(tmp_path / "a.nii", voxels).rename(tmp_path / f"a{suffix}")
        refusal("not_an_image", lambda: read_image(path))

    def test_zero_bytes(self, tmp_path, refusal):
        (tmp_path / "a.nii.gz").touch()
        refusal("file_empty", lambda: read_image(tmp_path / "a.nii.gz"))

    def test_gzip_of_nothing(self, tmp_path, refusal):
        (tmp_path / "a.nii.gz").write_bytes(gzip.compress(b""))
        refusal("not_an_image", lambda: read_image(tmp_path / "a.nii.gz"))

    def test_missing_and_below_a_file(self, tmp_path, image_path, refusal):
        text = refusal("file_missing", lambda: read_image(tmp_path / "DOE_JANE" / "t1.nii.gz"))
        assert "t1.nii.gz" in text and "DOE_JANE" not in text
        refusal("file_missing", lambda: read_image(image_path / "t1.nii.gz"))

    def test_folder(self, tmp_path, refusal):
        (tmp_path / "a.nii.gz").mkdir()
        assert "folder" in refusal("file_unreadable", lambda: read_image(tmp_path / "a.nii.gz"))

    def test_named_pipe_does_not_block(self, tmp_path, refusal):
        os.mkfifo(tmp_path / "a.nii.gz")
        refusal("file_unreadable", lambda: file_sha256(tmp_path / "a.nii.gz"))

    def test_name_too_long_for_the_system(self, tmp_path, refusal):
        refusal("file_unreadable", lambda: read_image(tmp_path / f"{'a' * 300}.nii.gz"))

    def test_disk_that_gives_up_halfway(self, image_path, refusal, monkeypatch):
        def give_up(*_):
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(stream.hashlib, "file_digest", give_up)
        assert "(Input/output error)" in refusal("file_unreadable", lambda: file_sha256(image_path))

    @pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
    def test_no_permission(self, image_path, refusal):
        image_path.chmod(0)
        refusal("file_unreadable", lambda: read_image(image_path))

    def test_name_and_content_disagree_about_compression(self, tmp_path, image_path, voxels, refusal):
        packed = image_path.rename(tmp_path / "packed.nii")
        assert "is gzip" in refusal("wrong_extension", lambda: read_image(packed))
        plain = save_nifti(tmp_path / "plain.nii", voxels).rename(tmp_path / "plain.nii.gz")
        assert "is not gzip" in refusal("wrong_extension", lambda: read_image(plain))

    def test_image_as_its_own_mask(self, image_path, refusal):
        refusal("mask_is_image", lambda: read_pair(image_path, image_path))

    def test_error_crosses_a_process_border(self, tmp_path):
        with pytest.raises(ImageError) as caught:
            read_image(tmp_path / "a.nii.gz")
        again = pickle.loads(pickle.dumps(caught.value))
        assert (again.code, str(again)) == (caught.value.code, str(caught.value))


class TestPadding:
    """``gzip -t`` of GNU gzip accepts zeros after the last member, as tapes leave them, and nothing else."""

    @pytest.mark.parametrize("n_zeros", [1, 512, 300_000])
    def test_zeros_after_a_compressed_stream(self, image_path, voxels, n_zeros):
        image_path.write_bytes(image_path.read_bytes() + bytes(n_zeros))
        np.testing.assert_array_equal(sitk.GetArrayFromImage(read_image(image_path).image), voxels.T)
        assert read_image(image_path).sha256 == hashlib.sha256(image_path.read_bytes()).hexdigest()

    def test_anything_else_after_it(self, image_path, refusal):
        whole = image_path.read_bytes()
        image_path.write_bytes(whole + bytes(512) + b"trailing")
        refusal("file_corrupted", lambda: read_image(image_path))
        image_path.write_bytes(whole[:-8] + bytes(512))  # zeros where checksum and length were
        refusal("file_corrupted", lambda: read_image(image_path))


class TestStandIns:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 9\n", ["Git LFS", "git lfs pull"]),
            (b"/annex/objects/MD5E-s1--aa.nii.gz\n", ["git-annex", "git annex get"]),
            (b"../.git/annex/objects/x/y/MD5E-s1--aa/MD5E-s1--aa.nii.gz", ["git-annex"]),
            (b"\xef\xbb\xbf\n<!DOCTYPE HTML><html>Log in</html>", ["web page", "Download it again"]),
            (b"<html><body>404</body></html>", ["web page"]),
        ],
    )
    @pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".nrrd", ".mha"])
    def test_a_pointer_or_a_page_is_named(self, tmp_path, refusal, content, words, ending):
        path = tmp_path / f"t1{ending}"
        path.write_bytes(content)
        text = refusal("not_an_image", lambda: read_image(path))
        assert all(word in text for word in [path.name, *words]), text

    def test_a_link_of_git_annex_without_content(self, tmp_path, refusal):
        link = tmp_path / "t1.nii.gz"
        link.symlink_to(".git/annex/objects/aa/bb/MD5E-s1--aa/MD5E-s1--aa")
        assert "git annex get t1.nii.gz" in refusal("file_missing", lambda: read_image(link))


class TestHeaders:
    @pytest.mark.parametrize("dims", [[3, 32767, 32767, 32767], [3, 2000, 2000, 700]])
    def test_huge_dimensions_over_a_small_file_allocate_nothing(self, tmp_path, voxels, refusal, dims):
        path = save_nifti(tmp_path / "a.nii.gz", voxels, dim=[*dims, 1, 1, 1, 1])
        tracemalloc.start()
        refusal("too_many_voxels", lambda: read_image(path))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 5e6

    def test_large_dimensions_below_the_limit_allocate_nothing_either(self, tmp_path, voxels, refusal):
        path = save_nifti(tmp_path / "a.nii.gz", voxels, dim=[3, 800, 800, 800, 1, 1, 1, 1])
        tracemalloc.start()
        refusal("file_truncated", lambda: read_image(path))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 5e6

    def test_more_memory_than_there_is(self, image_path, refusal, monkeypatch):
        monkeypatch.setattr(header, "_free_bytes", lambda: 1000)
        assert "memory" in refusal("too_many_voxels", lambda: read_image(image_path))

    def test_gzip_bomb_is_left_at_the_announced_size(self, tmp_path, voxels, refusal):
        whole = save_nifti(tmp_path / "a.nii", voxels).read_bytes()
        bomb = tmp_path / "bomb.nii.gz"
        bomb.write_bytes(gzip.compress(whole + bytes(100_000_000), compresslevel=1))
        tracemalloc.start()
        refusal("header_invalid", lambda: read_image(bomb))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 10e6

    def test_file_above_the_limit(self, image_path, refusal, monkeypatch):
        monkeypatch.setattr(stream, "MAX_FILE_BYTES", 1000)
        refusal("file_too_large", lambda: read_image(image_path))

    @pytest.mark.parametrize(
        ("fields", "code", "word"),
        [
            ({"vox_offset": 1e9}, "header_invalid", "1,000,000,000"),
            ({"vox_offset": 0}, "header_invalid", "byte 0"),
            ({"vox_offset": np.nan}, "header_invalid", "nan"),
            ({"dim": [9, 4, 4, 4, 4, 4, 4, 4]}, "header_invalid", "9 dimensions"),
            ({"dim": [3, 0, 16, 12, 1, 1, 1, 1]}, "header_invalid", "0 x 16 x 12"),
            ({"dim": [3, -20, 16, 12, 1, 1, 1, 1]}, "header_invalid", "-20"),
            ({"dim": [1, 3840, 1, 1, 1, 1, 1, 1]}, "wrong_dimensions", "1-D"),
            ({"dim": [4, 20, 16, 6, 2, 1, 1, 1]}, "wrong_dimensions", "20 x 16 x 6 x 2"),
            ({"pixdim": [1, 0, 1, 2.5, 1, 1, 1, 1]}, "header_invalid", "0 x 1 x 2.5"),
            ({"pixdim": [1, -1, 1, 2.5, 1, 1, 1, 1]}, "header_invalid", "-1 x 1 x 2.5"),
            ({"pixdim": [1, np.nan, 1, 2.5, 1, 1, 1, 1]}, "header_invalid", "nan"),
            ({"pixdim": [1, 2, 2, 2, 1, 1, 1, 1]}, "header_invalid", "two voxel sizes"),
            ({"datatype": 128, "bitpix": 24}, "not_scalar", "RGB"),
            ({"datatype": 32, "bitpix": 64}, "not_scalar", "complex"),
            ({"datatype": 1536, "bitpix": 128}, "header_invalid", "1536"),
            ({"datatype": 77}, "header_invalid", "77"),
            ({"bitpix": 8}, "header_invalid", "8 bits"),
            ({"scl_slope": 0.0, "scl_inter": 5.0}, "header_invalid", "0 plus 5"),
            ({"scl_slope": np.inf}, "header_invalid", "inf"),
            ({"scl_slope": 2.0, "scl_inter": np.nan}, "header_invalid", "nan"),
            ({"magic": b"ni1"}, "detached_data", "another file"),
            ({"magic": b""}, "not_an_image", "signature"),
            ({"sizeof_hdr": 540}, "header_invalid", "NIfTI-2"),
        ],
    )
    def test_refused(self, tmp_path, voxels, refusal, fields, code, word):
        path = save_nifti(tmp_path / "a.nii.gz", voxels, **fields)
        assert word in refusal(code, lambda: read_image(path))

    @pytest.mark.parametrize("slope", [0.0, np.nan])
    def test_slope_of_zero_or_nan_means_none(self, tmp_path, voxels, slope):
        path = save_nifti(tmp_path / "a.nii.gz", voxels, scl_slope=slope)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(read_image(path).image), voxels.T)

    def test_shear(self, tmp_path, voxels, refusal):
        affine = np.diag([1.0, 1.0, 2.5, 1.0])
        affine[0, 1] = 0.2
        path = save_nifti(tmp_path / "a.nii.gz", voxels, affine, pixdim=[1, 1, 1.0198039, 2.5, 1, 1, 1, 1])
        assert "sheared" in refusal("header_invalid", lambda: read_image(path))

    def two_orientations(self, path: Path, voxels: np.ndarray, sform: np.ndarray) -> Path:
        image = nib.Nifti1Image(voxels, None)
        image.set_qform(np.diag([1.0, 1.0, 2.5, 1.0]), code=1)
        image.set_sform(sform, code=2)
        nib.save(image, path)
        return path

    def test_two_orientations_of_one_voxel_size_are_noted(self, tmp_path, voxels):
        moved = np.diag([1.0, 1.0, 2.5, 1.0])
        moved[:3, 3] = [10.0, 0.0, 0.0]
        volume = read_image(self.two_orientations(tmp_path / "a.nii.gz", voxels, moved))
        (note,) = volume.notes
        assert "a.nii.gz lies in two places, 10 voxels apart: its qform (scanner) and its sform (aligned); the" in note

    @pytest.mark.parametrize(("codes", "used"), [((1, 2), "qform"), ((2, 1), "sform"), ((1, 1), "sform")])
    def test_which_of_two_orientations_is_used_is_what_simpleitk_reads(self, tmp_path, voxels, codes, used):
        image, moved = nib.Nifti1Image(voxels, None), np.diag([1.0, 1.0, 2.5, 1.0])
        moved[:3, 3] = [10.0, 0.0, 0.0]
        image.set_qform(np.diag([1.0, 1.0, 2.5, 1.0]), code=codes[0])
        image.set_sform(moved, code=codes[1])
        nib.save(image, tmp_path / "a.nii.gz")
        read_as = "sform" if sitk.ReadImage(str(tmp_path / "a.nii.gz")).GetOrigin()[0] == -10 else "qform"
        assert f"the {used} is used" in read_image(tmp_path / "a.nii.gz").notes[0]
        assert read_as == used

    def test_a_mask_on_the_other_orientation_is_not_to_be_resampled(self, tmp_path, voxels, region, refusal):
        turn, place = nib.affines.from_matvec(nib.eulerangles.euler2mat(0.1), [3, -2, 5]), np.diag([1, 1, 2.5, 1])
        image_path = self.two_orientations(tmp_path / "a.nii.gz", voxels, turn @ place)
        mask_path = tmp_path / "mask.nii.gz"
        nib.save(nib.Nifti1Image(region, turn @ place), mask_path)
        text = refusal("geometry_mismatch", lambda: read_pair(image_path, mask_path, label=1))
        assert "its qform (scanner) and its sform (aligned); the qform is used" in text and "esampl" not in text
        settled = nib.load(image_path)
        settled.set_qform(settled.get_sform(), code=2)  # as fslorient -copysform2qform
        nib.save(nib.Nifti1Image(voxels, settled.affine, settled.header), tmp_path / "settled.nii.gz")
        pair = read_pair(tmp_path / "settled.nii.gz", mask_path, label=1)
        inside = sitk.GetArrayViewFromImage(pair.image)[sitk.GetArrayViewFromImage(pair.roi) > 0]
        assert inside.mean() == pytest.approx(voxels[region == 1].mean(), rel=1e-6)

    def test_two_orientations_of_two_voxel_sizes_are_refused(self, tmp_path, voxels, refusal):
        path = self.two_orientations(tmp_path / "a.nii.gz", voxels, np.diag([1.0, 1.0, 3.0, 1.0]))
        assert "1 x 1 x 3" in refusal("header_invalid", lambda: read_image(path))

    def test_two_orientations_of_opposite_hands_are_refused(self, tmp_path, voxels, refusal):
        path = self.two_orientations(tmp_path / "a.nii.gz", voxels, np.diag([-1.0, 1.0, 2.5, 1.0]))
        assert "mirrored" in refusal("header_invalid", lambda: read_image(path))

    def test_no_orientation_is_noted(self, tmp_path, voxels):
        path = save_nifti(tmp_path / "a.nii.gz", voxels, sform_code=0, qform_code=0)
        volume = read_image(path)
        assert volume.image.GetSpacing() == (1.0, 1.0, 2.5)
        assert "nothing of its orientation" in volume.notes[0]


class TestNrrdAndMetaImage:
    @pytest.fixture(params=[("nrrd", False), ("nrrd", True), ("mha", False), ("mha", True)])
    def path(self, request, tmp_path, voxels) -> Path:
        suffix, compressed = request.param
        image = sitk.GetImageFromArray(voxels.T)
        image.SetSpacing((0.5, 0.7, 2.5))
        image.SetOrigin((-3.0, 12.5, 8.0))
        image.SetDirection((0, 1, 0, -1, 0, 0, 0, 0, 1))
        sitk.WriteImage(image, str(tmp_path / f"a.{suffix}"), compressed)
        return tmp_path / f"a.{suffix}"

    def test_equal_to_simpleitk(self, path):
        assert_equal_images(read_image(path).image, sitk.ReadImage(str(path)))

    @pytest.mark.parametrize("suffix", ["nrrd", "mha"])
    @pytest.mark.parametrize("dtype", NIFTI_TYPES)
    def test_data_types(self, tmp_path, suffix, dtype):
        image = sitk.GetImageFromArray(np.arange(60).reshape(3, 4, 5).astype(dtype))
        sitk.WriteImage(image, str(tmp_path / f"a.{suffix}"))
        assert_equal_images(read_image(tmp_path / f"a.{suffix}").image, image)

    @pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
    def test_cut_short(self, path, refusal, share):
        cut = repacked(path, lambda content: content[: int(len(content) * share)])
        assert "cut short" in refusal("file_truncated", lambda: read_image(cut))

    @pytest.mark.parametrize("n_bytes", [1, 8])
    def test_the_last_bytes_missing(self, path, refusal, n_bytes):
        refusal("file_truncated", lambda: read_image(repacked(path, lambda content: content[:-n_bytes])))

    def test_trailing_bytes(self, path):
        with pytest.raises(ImageError) as caught:
            read_image(repacked(path, lambda content: content + b"trailing"))
        assert caught.value.code in ("header_invalid", "file_corrupted")

    @pytest.mark.parametrize("suffix", ["nrrd", "mha"])
    def test_flipped_bit_in_a_compressed_stream(self, tmp_path, voxels, suffix):
        sitk.WriteImage(sitk.GetImageFromArray(voxels), str(tmp_path / f"a.{suffix}"), True)

        def flip(content):
            content[len(content) // 2] ^= 16

        with pytest.raises(ImageError) as caught:
            read_image(repacked(tmp_path / f"a.{suffix}", flip))
        assert caught.value.code in ("file_corrupted", "file_truncated")

    def test_nan_is_seen(self, path, voxels, refusal):
        image = sitk.ReadImage(str(path))
        image[3, 3, 3] = float("nan")
        sitk.WriteImage(image, str(path))
        assert "1 NaN" in refusal("not_finite", lambda: read_image(path))

    @pytest.mark.parametrize("suffix", ["nii.gz", "nii", "nrrd", "mha"])
    @pytest.mark.parametrize("packed", [False, True])
    def test_a_2d_file_is_one_slice(self, tmp_path, voxels, region, suffix, packed):
        for name, values in (("image", voxels), ("mask", region)):
            flat = sitk.GetImageFromArray(values[:, :, 5].T)
            flat.SetSpacing((0.7, 0.9))
            flat.SetOrigin((-12.0, 3.0))
            sitk.WriteImage(flat, str(tmp_path / f"{name}.{suffix}"), packed)
        pair = read_pair(tmp_path / f"image.{suffix}", tmp_path / f"mask.{suffix}", label=1)
        assert pair.image.GetSize() == (20, 16, 1)
        assert pair.image.GetSpacing() == pytest.approx((0.7, 0.9, 1.0))
        assert pair.image.GetOrigin() == pytest.approx((-12.0, 3.0, 0.0))
        np.testing.assert_array_equal(sitk.GetArrayFromImage(pair.image)[0].T, voxels[:, :, 5])
        np.testing.assert_array_equal(sitk.GetArrayFromImage(pair.roi)[0].T, region[:, :, 5] == 1)
        assert pair.notes[0] == f"image.{suffix} is 2-D (20 x 16); it was taken as one slice of 1 mm."
        read = [sitk.ReadImage(tmp_path / f"{name}.{suffix}") for name in ("image", "mask")]
        assert sitk.GetArrayFromImage(check_pair(*read, label=1).image).shape == (1, 16, 20)

    @pytest.mark.parametrize(
        ("found", "planted", "code"),
        [
            (b"DimSize = 20 16", b"DimSize = 20 16 1", "header_invalid"),
            (b"ElementSpacing = 1 1", b"ElementSpacing = 1 1 1", "header_invalid"),
            (b"Offset = 0 0", b"Offset = 0 0 0 0", "header_invalid"),
            (b"TransformMatrix = 1 0 0 1", b"TransformMatrix = 1 0 0 0 1 0 0 0 1", "header_invalid"),
        ],
    )
    def test_a_2d_header_with_numbers_of_a_volume_never_reaches_itk(
        self, tmp_path, voxels, refusal, found, planted, code
    ):
        path = tmp_path / "a.mha"
        sitk.WriteImage(sitk.GetImageFromArray(voxels[:, :, 5].T), str(path))
        content = path.read_bytes()
        assert found in content
        path.write_bytes(content.replace(found, planted))
        refusal(code, lambda: read_image(path))

    @pytest.mark.parametrize("suffix", ["nrrd", "mha"])
    def test_vectors_and_other_dimensions(self, tmp_path, voxels, refusal, suffix):
        name = tmp_path / f"a.{suffix}"
        sitk.WriteImage(sitk.GetImageFromArray(voxels, isVector=True), str(name))
        refusal("not_scalar", lambda: read_image(name))
        sitk.WriteImage(sitk.GetImageFromArray(np.stack([voxels] * 2), isVector=False), str(name))
        refusal("wrong_dimensions", lambda: read_image(name))

    @pytest.mark.parametrize(
        ("old", "new", "code"),
        [
            (b"sizes: 20 16 12", b"sizes: 20 16 0", "header_invalid"),
            (b"sizes: 20 16 12", b"sizes: 9999999 9999999 9999999", "too_many_voxels"),
            (b"sizes: 20 16 12", b"sizes: many", "header_invalid"),
            (b"type: float", b"type: block", "header_invalid"),
            (b"encoding: raw", b"encoding: bzip2", "header_invalid"),
            (b"encoding: raw", b"encoding: raw\nbyte skip: -1", "header_invalid"),
            (b"encoding: raw", b"encoding: raw\ndata file: other.raw", "detached_data"),
            (b"kinds: domain domain domain", b"kinds: vector domain domain", "not_scalar"),
            (b"(0,0,2.5)", b"(0,1,2.5)", "header_invalid"),
            (b"(0,0,2.5)", b"(0,0,nan)", "header_invalid"),
        ],
    )
    def test_nrrd_headers_refused(self, tmp_path, voxels, refusal, old, new, code):
        image = sitk.GetImageFromArray(voxels.T)
        image.SetSpacing((1.0, 1.0, 2.5))
        sitk.WriteImage(image, str(tmp_path / "a.nrrd"))
        content = (tmp_path / "a.nrrd").read_bytes()
        assert old in content
        (tmp_path / "a.nrrd").write_bytes(content.replace(old, new))
        refusal(code, lambda: read_image(tmp_path / "a.nrrd"))

    @pytest.mark.parametrize(
        ("old", "new", "code"),
        [
            (b"DimSize = 20 16 12", b"DimSize = 20 16 -1", "header_invalid"),
            (b"ElementType = MET_FLOAT", b"ElementType = MET_STRING", "header_invalid"),
            (b"BinaryData = True", b"BinaryData = False", "header_invalid"),
            (b"= LOCAL", b"= other.raw", "detached_data"),
            (b"NDims = 3", b"NDims = 93", "wrong_dimensions"),  # ITK itself corrupts its memory here
            (b"NDims = 3", b"NDims = three", "wrong_dimensions"),
            (b"Offset = 0 0 0", b"Offset = 0 0", "header_invalid"),
            (b"ElementSpacing = 1 1 1", b"ElementSpacing = 1 0 1", "header_invalid"),
        ],
    )
    def test_metaimage_headers_refused(self, tmp_path, voxels, refusal, old, new, code):
        sitk.WriteImage(sitk.GetImageFromArray(voxels.T), str(tmp_path / "a.mha"))
        content = (tmp_path / "a.mha").read_bytes()
        assert old in content
        (tmp_path / "a.mha").write_bytes(content.replace(old, new))
        refusal(code, lambda: read_image(tmp_path / "a.mha"))

    def test_missing_voxel_size_is_noted(self, tmp_path, voxels):
        raw = voxels.T.tobytes()
        nrrd = b"NRRD0004\ntype: float\ndimension: 3\nsizes: 20 16 12\nendian: little\nencoding: raw\n\n"
        meta = b"NDims = 3\nDimSize = 20 16 12\nElementType = MET_FLOAT\nElementDataFile = LOCAL\n"
        for name, head in (("a.nrrd", nrrd), ("a.mha", b"ObjectType = Image\n" + meta)):
            (tmp_path / name).write_bytes(head + raw)
            volume = read_image(tmp_path / name)
            assert volume.notes == (f"{name} gives no voxel size; 1 x 1 x 1 mm was taken.",)
            assert_equal_images(volume.image, sitk.ReadImage(str(tmp_path / name)))

    def test_random_damage_to_the_header_is_refused_or_harmless(self, path):
        """Any other exception fails the test, and a crash of ITK ends it."""
        content, rng = path.read_bytes(), np.random.default_rng(0)
        for _ in range(150):
            damaged = bytearray(content)
            for place in rng.integers(0, 400, size=3):
                damaged[place] = rng.integers(256)
            path.write_bytes(damaged)
            with contextlib.suppress(ImageError):
                read_image(path)


class TestValues:
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_not_finite_says_where(self, tmp_path, voxels, mask_path, refusal, value):
        voxels[8, 7, 5] = voxels[0, 0, 0] = value
        path = save_nifti(tmp_path / "a.nii.gz", voxels)
        text = refusal("not_finite", lambda: read_pair(path, mask_path))
        assert "2 NaN or infinite voxels, 1 in the region" in text
        refusal("not_finite", lambda: read_image(path))

    def test_all_nan(self, tmp_path, voxels, mask_path, refusal):
        path = save_nifti(tmp_path / "a.nii.gz", np.full_like(voxels, np.nan))
        refusal("not_finite", lambda: read_pair(path, mask_path))

    def test_nan_in_the_mask(self, image_path, tmp_path, region, refusal):
        broken = region.astype(np.float32)
        broken[0, 0, 0] = np.nan
        path = save_nifti(tmp_path / "m.nii.gz", broken)
        refusal("not_finite", lambda: read_pair(image_path, path))

    def test_probability_map_as_mask(self, image_path, tmp_path, region, refusal):
        path = save_nifti(tmp_path / "m.nii.gz", region.astype(np.float32) * 0.2)
        assert "0 to 0.8" in refusal("mask_not_integer", lambda: read_mask(path))
        refusal("mask_not_integer", lambda: read_pair(image_path, path))

    def test_whole_numbers_stored_as_floats_are_a_mask(self, image_path, tmp_path, region):
        path = save_nifti(tmp_path / "m.nii.gz", region.astype(np.float64))
        assert read_pair(image_path, path, label=[1, 4]).roi.GetPixelID() == sitk.sitkUInt8
