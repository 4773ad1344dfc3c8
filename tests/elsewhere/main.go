// Command elsewhere is a second opinion on vote.merkle and vote.notes, by the packages that Go's own
// checksum database is read with: one question in JSON on standard input, one answer on standard output.
package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

type question struct {
	Do       string
	Key      string
	Text     string
	Old      int64
	Size     int64
	Position int64
	OldRoot  tlog.Hash `json:"old_root"`
	Root     tlog.Hash
	Leaf     tlog.Hash
	Proof    []tlog.Hash
	Records  [][]byte
}

type answer map[string]interface{}

func main() {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		log.Fatal(err)
	}
	found, err := reply(asked)
	if err != nil {
		found = answer{"refused": err.Error()}
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		log.Fatal(err)
	}
}

func reply(asked question) (answer, error) {
	switch asked.Do {
	case "open":
		return open(asked)
	case "generate":
		signer, verifier, err := note.GenerateKey(rand.Reader, asked.Text)
		return answer{"signer": signer, "verifier": verifier}, err
	case "sign":
		return sign(asked)
	case "tree":
		tree, err := tlog.ParseTree([]byte(asked.Text))
		return answer{"size": tree.N, "root": tree.Hash, "text": string(tlog.FormatTree(tree))}, err
	case "includes":
		return answer{}, tlog.CheckRecord(asked.Proof, asked.Size, asked.Root, asked.Position, asked.Leaf)
	case "extends":
		return answer{}, tlog.CheckTree(asked.Proof, asked.Size, asked.Root, asked.Old, asked.OldRoot)
	case "prove":
		return prove(asked)
	}
	log.Fatalf("what is %q?", asked.Do)
	return nil, nil
}

func open(asked question) (answer, error) {
	verifier, err := note.NewVerifier(asked.Key)
	if err != nil {
		return nil, err
	}
	opened, err := note.Open([]byte(asked.Text), note.VerifierList(verifier))
	if err != nil {
		return nil, err
	}
	return answer{"text": opened.Text}, nil
}

func sign(asked question) (answer, error) {
	signer, err := note.NewSigner(asked.Key)
	if err != nil {
		return nil, err
	}
	signed, err := note.Sign(&note.Note{Text: asked.Text}, signer)
	return answer{"note": string(signed)}, err
}

// prove builds the tree of the records, and all that can be said of it.
func prove(asked question) (answer, error) {
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for place, index := range indexes {
			hashes[place] = stored[index]
		}
		return hashes, nil
	})
	for number, record := range asked.Records {
		hashes, err := tlog.StoredHashes(int64(number), record, read)
		if err != nil {
			return nil, err
		}
		stored = append(stored, hashes...)
	}
	size := int64(len(asked.Records))
	root, err := tlog.TreeHash(size, read)
	if err != nil {
		return nil, err
	}
	oldRoot, err := tlog.TreeHash(asked.Old, read)
	if err != nil {
		return nil, err
	}
	inclusion, err := tlog.ProveRecord(size, asked.Position, read)
	if err != nil {
		return nil, err
	}
	consistency, err := tlog.ProveTree(size, asked.Old, read)
	if err != nil {
		return nil, err
	}
	tiles := make(map[string][]byte)
	for _, tile := range tlog.NewTiles(tileHeight, 0, size) {
		// Of the widths a tile grows through, the last stays.
		if tiles[fmt.Sprintf("%d/%d", tile.L, tile.N)], err = tlog.ReadTileData(tile, read); err != nil {
			return nil, err
		}
	}
	return answer{
		"leaf":        tlog.RecordHash(asked.Records[asked.Position]),
		"root":        root,
		"old_root":    oldRoot,
		"inclusion":   append([]tlog.Hash{}, inclusion...),
		"consistency": append([]tlog.Hash{}, consistency...),
		"tiles":       tiles,
	}, nil
}
