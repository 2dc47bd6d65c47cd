package kiosk

import (
	"bytes"
	"fmt"
	"html/template"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// markdown is the part of CommonMark that a public text may use: headings, paragraphs, lists,
// quotations, rules, emphasis and links. HTML is no part of it, so that what looks like a tag is shown
// as it was typed. The page has its own first heading, so the text's begin with the second; of an
// image its words stay, and of what is indented its lines.
func markdown(more ...renderer.NodeRenderer) goldmark.Markdown {
	// Below the numbers of goldmark's own renderers: the lowest is asked first.
	renderers := []util.PrioritizedValue{util.Prioritized(nodeRenderer{ast.KindImage: imageInWords, ast.KindCodeBlock: indentedInWords}, 100)}
	for _, r := range more {
		renderers = append(renderers, util.Prioritized(r, 100))
	}
	return goldmark.New(
		goldmark.WithParser(parser.NewParser(
			parser.WithBlockParsers(
				util.Prioritized(parser.NewThematicBreakParser(), 200),
				util.Prioritized(parser.NewListParser(), 300),
				util.Prioritized(parser.NewListItemParser(), 400),
				util.Prioritized(parser.NewCodeBlockParser(), 500),
				util.Prioritized(parser.NewATXHeadingParser(), 600),
				util.Prioritized(parser.NewBlockquoteParser(), 800),
				util.Prioritized(parser.NewParagraphParser(), 1000),
			),
			parser.WithInlineParsers(
				util.Prioritized(parser.NewLinkParser(), 200),
				util.Prioritized(parser.NewAutoLinkParser(), 300),
				util.Prioritized(parser.NewEmphasisParser(), 500),
			),
			parser.WithASTTransformers(util.Prioritized(lowerHeadings{}, 100)),
		)),
		goldmark.WithExtensions(extension.Linkify),
		goldmark.WithRendererOptions(renderer.WithNodeRenderers(renderers...)),
	)
}

// linked is for pages from which one may go elsewhere, unlinked for the kiosk, from which one may not:
// there a link's address stands beside its words.
var (
	linked   = markdown()
	unlinked = markdown(nodeRenderer{ast.KindLink: linkInWords, ast.KindAutoLink: autoLinkInWords})
)

// toHTML turns Markdown into HTML that is safe in a page.
func toHTML(with goldmark.Markdown, source string) (template.HTML, error) {
	var out bytes.Buffer
	if err := with.Convert([]byte(source), &out); err != nil {
		return "", fmt.Errorf("render text: %w", err)
	}
	return template.HTML(out.String()), nil // goldmark escapes, and no HTML is let through
}

// lowerHeadings makes every heading of the first level one of the second.
type lowerHeadings struct{}

func (lowerHeadings) Transform(document *ast.Document, _ text.Reader, _ parser.Context) {
	for node := document.FirstChild(); node != nil; node = node.NextSibling() {
		if heading, ok := node.(*ast.Heading); ok && heading.Level == 1 {
			heading.Level = 2
		}
	}
}

// nodeRenderer renders some kinds of nodes its own way.
type nodeRenderer map[ast.NodeKind]renderer.NodeRendererFunc

func (r nodeRenderer) RegisterFuncs(register renderer.NodeRendererFuncRegisterer) {
	for kind, render := range r {
		register.Register(kind, render)
	}
}

func imageInWords(util.BufWriter, []byte, ast.Node, bool) (ast.WalkStatus, error) {
	return ast.WalkContinue, nil
}

func indentedInWords(w util.BufWriter, source []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		_, _ = fmt.Fprintf(w, "<p>%s</p>\n", util.EscapeHTML(bytes.TrimSpace(node.Lines().Value(source))))
	}
	return ast.WalkSkipChildren, nil
}

func linkInWords(w util.BufWriter, source []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	address := string(node.(*ast.Link).Destination)
	if !entering && !strings.Contains(address, wordsOf(node, source)) {
		_, _ = fmt.Fprintf(w, " (%s)", util.EscapeHTML([]byte(strings.TrimPrefix(address, "mailto:"))))
	}
	return ast.WalkContinue, nil
}

// wordsOf is the text of a node.
func wordsOf(node ast.Node, source []byte) string {
	var out strings.Builder
	for child := node.FirstChild(); child != nil; child = child.NextSibling() {
		if words, ok := child.(*ast.Text); ok {
			out.Write(words.Segment.Value(source))
		} else {
			out.WriteString(wordsOf(child, source))
		}
	}
	return out.String()
}

func autoLinkInWords(w util.BufWriter, source []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		_, _ = w.Write(util.EscapeHTML(node.(*ast.AutoLink).Label(source)))
	}
	return ast.WalkContinue, nil
}

// plain writes a value so that Markdown reads it as words: on one line, without meaning.
func plain(value string) string {
	return markup.Replace(strings.Join(strings.Fields(value), " "))
}

var markup = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "[", `\[`, "]", `\]`, "<", `\<`, ">", `\>`, "&", `\&`, "#", `\#`)
